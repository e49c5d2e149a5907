import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { VaultError } from '../domain/errors.ts'
import { limits } from '../domain/media.ts'
import type { PdfVerdict } from '../ports/pdfs.ts'

/** Reserved data, not resident memory: Node itself reserves more than half of it and does not start below. */
const maxDataBytes = 1_200_000_000
const maxHeapMiB = 256
const startTimeoutMs = 10_000
/** util-linux; where it is absent the heap's own limit and the wall clock remain. */
const prlimit = ['/usr/bin/prlimit', '/bin/prlimit'].find(path => process.platform === 'linux' && existsSync(path))

type Running = ChildProcessByStdio<Writable, Readable, null>

/** One child: no environment, no file but its own program, no network, no other process, no core dump, little memory. */
export class PdfProcess {
  readonly #child: Running
  readonly #ended: Promise<void>
  #lines: (line: string | undefined) => void = () => undefined
  #text = ''
  #alive = true

  private constructor(child: Running) {
    this.#child = child
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => this.#receive(text))
    // A child that dies while it is being written to breaks the pipe; its exit is what tells.
    child.stdin.on('error', () => this.kill())
    this.#ended = new Promise(resolve => {
      const end = (): void => {
        this.#alive = false
        this.#lines(undefined)
        resolve()
      }
      child.once('error', end)
      child.once('close', end)
    })
  }

  /** @throws {VaultError} capacity.no-slot - no child could be started: nothing is known about the file */
  static async start(): Promise<PdfProcess> {
    const [command, ...args] = commandLine()
    const started = new PdfProcess(spawn(command, args, { env: {}, stdio: ['pipe', 'pipe', 'ignore'], cwd: '/' }))
    started.#hold(true)
    const line = await started.#line(startTimeoutMs)
    if (line !== 'ready') {
      started.kill()
      throw new VaultError('capacity.no-slot', { retryAfterSeconds: 5 })
    }
    started.#hold(false)
    return started
  }

  get alive(): boolean {
    return this.#alive
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Undefined when the child died or did not answer in time; it is of no more use then. */
  async check(unverified: Uint8Array, signal: AbortSignal): Promise<PdfVerdict | undefined> {
    const stop = (): void => this.kill()
    signal.addEventListener('abort', stop, { once: true })
    this.#hold(true)
    try {
      const prefix = Buffer.alloc(4)
      prefix.writeUInt32BE(unverified.length)
      const answer = this.#line(limits.pdf.checkTimeoutMs)
      this.#child.stdin.write(prefix)
      this.#child.stdin.write(unverified)
      const line = await answer
      if (line === undefined) this.kill()
      return line === undefined ? undefined : (JSON.parse(line) as PdfVerdict)
    } finally {
      signal.removeEventListener('abort', stop)
      this.#hold(false)
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Resolves when the process is gone. */
  async end(): Promise<void> {
    this.kill()
    await this.#ended
  }

  #receive(text: string): void {
    this.#text += text
    const at = this.#text.indexOf('\n')
    if (at === -1) return
    const line = this.#text.slice(0, at)
    this.#text = this.#text.slice(at + 1)
    this.#lines(line)
  }

  async #line(timeoutMs: number): Promise<string | undefined> {
    if (!this.#alive) return undefined
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    const timer = setTimeout(resolve, timeoutMs, undefined)
    this.#lines = resolve
    try {
      return await promise
    } finally {
      clearTimeout(timer)
    }
  }

  /** Whether this child keeps the vault's process from ending by itself: only while it works. */
  #hold(working: boolean): void {
    const verb = working ? 'ref' : 'unref'
    this.#child[verb]()
    for (const pipe of [this.#child.stdin, this.#child.stdout]) if ('ref' in pipe && 'unref' in pipe) hold(pipe, verb)
  }
}

function hold(pipe: object, verb: 'ref' | 'unref'): void {
  const method: unknown = Reflect.get(pipe, verb)
  if (typeof method === 'function') Reflect.apply(method, pipe, [])
}

function commandLine(): readonly [string, ...string[]] {
  const program = fileURLToPath(new URL('pdf-child.ts', import.meta.url))
  const source = fileURLToPath(new URL('..', import.meta.url))
  const manifest = fileURLToPath(new URL('../../package.json', import.meta.url))
  const node = [
    process.execPath,
    '--permission',
    `--allow-fs-read=${source}`,
    `--allow-fs-read=${manifest}`,
    `--max-old-space-size=${maxHeapMiB}`,
    '--disable-warning=PERM0001',
    '--disable-proto=delete',
    program,
  ] as const
  return prlimit ? [prlimit, `--data=${maxDataBytes}`, '--core=0', ...node] : [...node]
}
