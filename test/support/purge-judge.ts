import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { DocumentId } from '../../src/domain/ids.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { readCertificate } from '../../src/retention/read-certificate.ts'
import { callerAs, findingsOf, readPaper } from './house-work.ts'
import { personOf, purgeTurn, type ScenePapers, sceneTenant } from './purge-scene.ts'
import type { SteppedClock } from './stepped-clock.ts'

const child = new URL('../faults/purge-killed-child.ts', import.meta.url).pathname
const reader = callerAs('senior-reviewer', 'reader', sceneTenant)
const dpo = callerAs('dpo', 'dpo', sceneTenant)

/** A lease of the purge is over after ten minutes, and not before. */
const [beforeEndMs, afterEndMs] = [9 * 60_000, 11 * 60_000]

/** Calls of a purge that change something: only after one of these can something be left half done. */
export const effects: ReadonlySet<string> = new Set(
  [
    ...['ledger.commit', 'ledger.takeLease', 'ledger.dropLease', 'batches.insert'],
    ...['destroyed.append', 'wrappedKeys.destroy', 'blobs.deleteAll'],
  ].map(name => `after ${name}`),
)

/** What a process of a purge did until it ended. */
export interface PurgeChild {
  /** Both sides of each port call, such as `after ledger.commit`. */
  readonly calls: readonly string[]
  readonly signal: NodeJS.Signals | null
}

/**
 * Runs one turn of the purge as a process of its own.
 *
 * @param env the settings of its vault
 * @param killAt the call at which it kills itself, from 1; 0 is never
 */
export async function purgeChild(
  env: Readonly<Record<string, string>>,
  killAt: number,
  nowMs: number,
): Promise<PurgeChild> {
  const args = [child, String(killAt), String(nowMs)]
  const process_ = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [out, [code, signal]] = await Promise.all([text(process_.stdout), once(process_, 'close')])
  assert.ok(signal === 'SIGKILL' || code === 0, `the purge ended with ${code ?? signal}`)
  return { calls: out.split('\n').slice(0, -1), signal }
}

/** Another process takes over: what the killed one has its lease for is left alone until that has ended, and finished then. */
export async function takeOver(vault: Vault, clock: SteppedClock, { calls }: PurgeChild, what: string): Promise<void> {
  const lease = calls.findLast(call => /^after ledger\.(take|drop)Lease$/.test(call))
  clock.step(beforeEndMs)
  const early = await purgeTurn(vault)
  if (lease === 'after ledger.takeLease') assert.equal(early, 0, `${what}: its lease had not ended`)
  clock.step(afterEndMs - beforeEndMs)
  await purgeTurn(vault)
}

/**
 * What was due is destroyed and certified, everything else is there, and the house is in order.
 * @param kept every paper of the vault that is there still
 */
export async function requireDone(
  vault: Vault,
  papers: ScenePapers,
  what: string,
  kept: readonly DocumentId[] = [papers.held, papers.open],
): Promise<void> {
  const { due, erased, held, open } = papers
  for (const id of [...due, erased]) {
    assert.equal((await vault.ledger.findDocument(sceneTenant, id))?.state, 'purged', what)
    assert.equal((await readCertificate(vault, dpo, { id })).document, id, what)
  }
  for (const id of [held, open]) assert.ok((await readPaper(vault, id, { caller: reader })).length > 0, what)
  for (const name of ['due-1', 'due-2', 'erased']) {
    assert.equal(await vault.ledger.findSubject(sceneTenant, personOf(papers, name)), undefined, what)
  }
  const keys = await vault.wrappedKeys.list({ limit: 1_000 })
  assert.deepEqual(keys.map(({ document }) => document).sort(), kept.toSorted(), what)
  assert.equal((await Array.fromAsync(vault.blobs.list(Number.MAX_SAFE_INTEGER))).length, kept.length, what)
  assert.equal((await vault.ledger.openRuns(sceneTenant)).length, 0, what)
  assert.deepEqual(await findingsOf(vault), [], what)
}
