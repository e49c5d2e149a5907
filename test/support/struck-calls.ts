import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallAnswer, call } from './call.ts'
import { type CuttablePlace, cuttablePlace, type Way } from './production-place.ts'

/** One request of a fresh person's, and the same again. */
export type Act = () => Promise<CallAnswer>

/** The servers behind a production vault, by their ways. */
export const servers = ['mongo', 's3', 'kms'] as const
export type Server = (typeof servers)[number]

/** What the vault might write beside its stores lies in the place's own folder. */
export async function temporaryPlace(): Promise<CuttablePlace> {
  const place = await cuttablePlace()
  const temporary = join(place.folder, 'tmp')
  await mkdir(temporary)
  return { ...place, settings: { ...place.settings, TMPDIR: temporary } }
}

/** Within 3 s, whatever it is. */
export async function timed(act: Act): Promise<CallAnswer> {
  const startMs = performance.now()
  const answer = await act()
  const tookMs = Math.round(performance.now() - startMs)
  assert.ok(tookMs < 3_000, `${answer.status} ${answer.json.code ?? ''} after ${tookMs} ms`)
  return answer
}

export function assertRightOr503({ status, headers, json }: CallAnswer, when: string): void {
  if (status < 300) return
  assert.equal(status, 503, `${when}: ${status} ${json.code}`)
  assert.ok(Number(headers.get('retry-after')) > 0, when)
}

/** Waits until readiness is as expected. */
export async function isReady(url: string, expected: boolean): Promise<void> {
  while ((await call(url, 'GET', '/readyz')).status !== (expected ? 200 : 503)) await new Promise(setImmediate)
}

/**
 * The connection of the nth request to a server is reset, before the request arrives or in place of its answer; the next one is
 * not.
 * @returns undefined where the act makes fewer requests
 */
export async function resetAt(
  way: Way,
  act: Act,
  { at, side }: { readonly at: number; readonly side: 'before' | 'after' },
): Promise<CallAnswer | undefined> {
  const broken = Promise.withResolvers<AsyncDisposable>()
  const mended = Promise.withResolvers<void>()
  const cut = async () => broken.resolve(await way.cut('reset'))
  const mend = async () => (await broken.promise)[Symbol.asyncDispose]()
  const ended = () => void mend().then(mended.resolve, mended.reject)
  way.requests.arm({ at, side, cut, ended })
  const answer = await timed(act)
  if (!way.requests.disarm()) return undefined
  await mended.promise
  return answer
}
