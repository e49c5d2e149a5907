import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { cpuMsOf } from './process-cpu.ts'
import { quantile, shown } from './row.ts'
import type { Serving } from './serving.ts'

interface Common {
  readonly connections: number
  readonly requests: number
  readonly headers: Readonly<Record<string, string>>
}

/** One closed loop: so many connections, each sending its next request when the last is answered. */
export type LoadJob =
  | (Common & {
      readonly kind: 'upload'
      /** `{subject}` in it is replaced. */
      readonly url: string
      readonly file: string
      readonly media: 'image/jpeg' | 'application/pdf'
      readonly meta: object
    })
  | (Common & { readonly kind: 'read'; readonly urls: readonly string[]; readonly sizeBytes: number })

/** Milliseconds. */
export interface LoadResult {
  readonly elapsedMs: number
  readonly totalMs: readonly number[]
  readonly firstByteMs: readonly number[]
}

/** What one server did under one job. */
export interface Measured {
  readonly perSecond: number
  readonly cpuMsPerRequest: number
  readonly medianMs: number
  readonly firstByteMs: number
}

/** The load client, a process of its own. */
export class Load implements AsyncDisposable {
  readonly #child: ChildProcess

  constructor() {
    const program = fileURLToPath(new URL('load-client.ts', import.meta.url))
    this.#child = fork(program, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  }

  async run(server: Serving, job: LoadJob): Promise<Measured> {
    const before = cpuMsOf(server.pid)
    this.#child.send(job)
    const [answer] = (await once(this.#child, 'message')) as [LoadResult | { readonly failed: string }]
    if ('failed' in answer) throw new Error(`the load failed: ${answer.failed}`)
    const after = cpuMsOf(server.pid)
    return {
      perSecond: (job.requests * 1_000) / answer.elapsedMs,
      cpuMsPerRequest: ((after ?? Number.NaN) - (before ?? Number.NaN)) / job.requests,
      medianMs: quantile(answer.totalMs, 0.5),
      firstByteMs: quantile(answer.firstByteMs, 0.5),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
  }
}

/** One side of a row in words, of the medians of its rounds. */
export function describeSide(name: string, rounds: readonly Measured[]): string {
  const of = (pick: (one: Measured) => number): string => shown(quantile(rounds.map(pick), 0.5))
  return `${name} ${of(one => one.perSecond)}/s, ${of(one => one.medianMs)} ms, CPU ${of(one => one.cpuMsPerRequest)} ms`
}
