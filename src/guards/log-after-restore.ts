import { randomBytes } from 'node:crypto'
import { canonicalEntry, completeLogEntry } from '../domain/entry.ts'
import { VaultError } from '../domain/errors.ts'
import type { TenantId } from '../domain/ids.ts'
import { compareLogs, logNamed, logsOf, parseLogName, utcYear } from '../domain/log-name.ts'
import { leafHash } from './merkle.ts'
import { emptyHead, nextBatch, statedHead } from './trail-head.ts'
import { type Placing, place } from './trail-place.ts'
import { newUuid7 } from './uuid7.ts'

/** With the pauses between them, some seconds. */
const mostTries = 40

/**
 * Opens `<year>.<n>` for each owner, after a trail was restored that is older than what is known of it. The lost end may be in
 * the hands of others, as receipts and copies, so nothing is ever appended in its place: the new log's first entry says at
 * which size and root the one before it was taken up. That one stays without an end.
 *
 * @param owners every tenant, and undefined for the vault's own log
 * @param lost names of the logs whose end is lost: the new ones come after all of them
 * @returns the logs that were opened now; those that a broken run has opened before are left
 * @throws {VaultError} trail.unavailable, trail.diverged, storage.full - as the writer of the trail; it may be repeated
 */
export async function openLogsAfterRestore(
  placing: Placing & { readonly instance: string },
  owners: readonly (TenantId | undefined)[],
  lost: readonly string[],
): Promise<readonly string[]> {
  const names = lost.flatMap(log => parseLogName(log) ?? [])
  const nowMs = placing.clock.nowMs()
  const stored = await placing.batches.logs()
  const opened: string[] = []
  for (const tenant of owners) {
    const before = logsOf(stored, tenant).at(-1)
    const own = [
      ...names.filter(name => name.tenant === tenant),
      ...(before === undefined ? [] : [parseLogName(before)]),
    ]
    const year = Math.max(utcYear(nowMs), ...own.map(name => name?.year ?? 0))
    const restored = 1 + Math.max(...names.filter(name => name.year === year).map(name => name.restored), 0)
    const log = logNamed({ tenant, year, restored })
    if (before !== undefined && compareLogs(before, log) >= 0) continue
    // A clock that was set back since must not put it into a year that is not its own.
    await openOne(placing, tenant, before, log, Math.max(nowMs, Date.UTC(year, 0, 1)))
    opened.push(log)
  }
  return opened
}

async function openOne(
  placing: Placing & { readonly instance: string },
  tenant: TenantId | undefined,
  before: string | undefined,
  log: string,
  nowMs: number,
): Promise<void> {
  const tail = before === undefined ? undefined : await placing.batches.tail(before)
  const head = tail && statedHead(tail)
  if (tail && !head) throw new VaultError('trail.diverged', { detail: 'batch.root' })
  const detail = head ? { closed: head.log, root: Buffer.from(head.root).toString('hex'), size: head.size } : {}
  const id = newUuid7(nowMs)
  const bytes = canonicalEntry(completeLogEntry('log.opened', tenant, detail, id, nowMs, placing.instance, 'restored'))
  const by = { inst: placing.instance, nonce: randomBytes(16), nowMs }
  const { batch } = nextBatch(emptyHead(log, head?.timeMs ?? 0), [{ id, bytes, leaf: leafHash(bytes) }], by)
  let tries = 0
  const end = await place(placing, batch, () => tries++ < mostTries)
  if (end !== 'own') throw new VaultError('trail.unavailable')
}
