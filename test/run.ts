import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestLine } from './support/report-lines.ts'
import { environmentFor } from './support/test-environment.ts'

/**
 * `npm test [path …]`: every `test/**\/*.test.ts` outside of `bench`, each file in a process of its own, two at a time,
 * cheapest folders first. A path keeps the files whose name contains it. Ends with the skips by name and the plain line
 * `N passed, N failed, N skipped`; exit 1 on a failure, and on a skip where VAULT_TEST_REQUIRE=all.
 */
const order = ['repo', 'unit', 'vectors', 'properties', 'contracts', 'http', 'promises', 'tour', 'faults']
const atATime = 2
/** Far above what any test takes on a quiet machine: a busy one must not fail what is right. */
const testTimeoutMs = 180_000
/** A file that outlives this is killed with everything it started, and has failed; many histories on demand take hours. */
const fileTimeoutMs = (process.env.VAULT_TEST_HISTORIES === undefined ? 15 : 8 * 60) * 60_000

interface FileResult {
  readonly file: string
  readonly lines: readonly TestLine[]
  /** What the file printed; shown only when it failed. */
  readonly output: string
  readonly ms: number
}

const top = new URL('..', import.meta.url).pathname
process.chdir(top)

async function work(queue: Iterator<[number, string]>, scratch: string, results: FileResult[]): Promise<void> {
  for (let next = queue.next(); !next.done; next = queue.next()) {
    const [number, file] = next.value
    const result = await runFile(file, join(scratch, `${number}.jsonl`))
    results.push(result)
    print(describeFile(result))
  }
}

function selectFiles(filters: readonly string[]): string[] {
  const rank = (file: string) => {
    const at = order.indexOf(file.split('/')[1] ?? '')
    return at === -1 ? order.length : at
  }
  return globSync('test/**/*.test.ts')
    .map(file => file.replaceAll('\\', '/'))
    .filter(file => !file.startsWith('test/bench/'))
    .filter(file => filters.length === 0 || filters.some(filter => file.includes(filter.replace(/^\.\//, ''))))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
}

/** `--disable-proto=delete` because the vault must not rest on `__proto__`, which an attacker's JSON may name. */
async function runFile(file: string, reportPath: string): Promise<FileResult> {
  const startedMs = performance.now()
  const reporter = new URL('support/report-lines.ts', import.meta.url).href
  const child = spawn(
    process.execPath,
    [
      '--disable-proto=delete',
      `--test-timeout=${testTimeoutMs}`,
      `--test-reporter=${reporter}`,
      `--test-reporter-destination=${reportPath}`,
      file,
    ],
    { env: environmentFor(file, top), stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-20_000)
    })
  }
  let late = false
  const timer = setTimeout(() => {
    late = true
    killGroup(child.pid)
  }, fileTimeoutMs)
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject).on('close', (...ended) => resolve(ended))
  })
  clearTimeout(timer)
  const lines = [...readLines(reportPath)]
  const fault = faultOf(lines, code, signal, late)
  if (fault) lines.push({ path: ['(the file itself)'], out: 'failed', ms: 0, why: fault })
  return { file, lines, output, ms: performance.now() - startedMs }
}

function faultOf(lines: readonly TestLine[], code: number | null, signal: string | null, late: boolean) {
  if (late) return `still running after ${fileTimeoutMs / 60_000} minutes: killed`
  if (lines.some(line => line.out === 'failed')) return undefined
  if (code !== 0) return `ended with ${signal ?? `exit code ${code}`}`
  return lines.length === 0 ? 'holds no test' : undefined
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function readLines(path: string): TestLine[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as TestLine)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function describeFile({ file, lines, output, ms }: FileResult): string {
  const failed = lines.filter(line => line.out === 'failed')
  const head = `${failed.length > 0 ? 'FAIL' : 'ok  '}  ${file.padEnd(52)} ${counted(lines)}, ${(ms / 1000).toFixed(1)} s`
  if (failed.length === 0) return head
  const details = failed.map(({ path, why }) => `      ${path.join(' > ')}\n${indent(why ?? '', 10)}`)
  const printed = output.trim() === '' ? [] : [`      it printed:\n${indent(output.trim(), 10)}`]
  return [head, ...details, ...printed].join('\n')
}

function summarise(all: readonly FileResult[]): number {
  const skips = all.flatMap(({ file, lines }) =>
    lines.filter(line => line.out === 'skipped').map(line => ({ file, line })),
  )
  const lines = all.flatMap(result => result.lines)
  if (skips.length > 0) {
    print(`\nSkipped (${skips.length}):`)
    for (const { file, line } of skips) print(`  ${file}: ${line.path.join(' > ')}: ${line.why}`)
  }
  const strict = process.env.VAULT_TEST_REQUIRE === 'all'
  if (skips.length > 0 && strict) print('VAULT_TEST_REQUIRE=all: a skip is a failure here.')
  print(`\n${tally(lines)}`)
  return lines.some(line => line.out === 'failed') || (strict && skips.length > 0) ? 1 : 0
}

const outs = ['passed', 'failed', 'skipped'] as const

function tally(lines: readonly TestLine[]): string {
  return outs.map(out => `${lines.filter(line => line.out === out).length} ${out}`).join(', ')
}

/** The tally of one file, without its zeroes, so that the closing line is the only one of its shape. */
function counted(lines: readonly TestLine[]): string {
  const count = (out: TestLine['out']) => lines.filter(line => line.out === out).length
  return outs
    .filter(out => count(out) > 0)
    .map(out => `${count(out)} ${out}`)
    .join(', ')
}

function indent(text: string, by: number): string {
  return text.replaceAll(/^/gm, ' '.repeat(by))
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

async function main(): Promise<number> {
  const files = selectFiles(process.argv.slice(2))
  if (files.length === 0) {
    print('No test file matches.')
    return 1
  }
  const scratch = mkdtempSync(join(tmpdir(), 'vault-tests-'))
  const results: FileResult[] = []
  try {
    const queue = files.entries()
    await Promise.all(Array.from({ length: atATime }, () => work(queue, scratch, results)))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return summarise(results)
}

process.exitCode = await main()
