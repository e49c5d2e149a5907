import { wrappedKeyId } from '../domain/document.ts'
import { compareLogs } from '../domain/log-name.ts'
import type { DestroyedMark } from '../ports/destroyed.ts'
import type { Ports } from '../ports/ports.ts'
import type { TrailBatches } from '../ports/trail-batches.ts'
import { entriesOf } from './entry-bundle.ts'
import { leafHash } from './merkle.ts'

/** A store that is seen to be older than what was destroyed; where the ledger is, the wrapped keys are not asked. */
export type RestoredPart = 'trail' | 'ledger' | 'wrapped-keys'

/**
 * Holds the stores against the newest marks of the list that no backup restores. Each is a snapshot of one moment, and a mark
 * comes after the entry and the rows that it tells of: a trail and rows that know the last append of a tenant know all before it.
 * What is not seen is restored sealed bodies, or restored wrapped keys from before the last destroyed paper came: without their
 * rows they open nothing here. Nor is a trail that lost its end after the last mark.
 *
 * @returns the parts that are from before; none when nothing that was destroyed can be back
 * @throws {VaultError} as the stores do: then nothing can be said, and nothing may be served
 */
export async function findRestored(
  ports: Pick<Ports, 'destroyed' | 'batches' | 'ledger' | 'wrappedKeys'>,
): Promise<readonly RestoredPart[]> {
  const marks = await ports.destroyed.newest()
  const found = new Set<RestoredPart>()
  for (const ofTenant of Map.groupBy(marks, ({ tenant }) => tenant).values()) {
    const last = ofTenant.reduce((one, other) => (isBefore(one, other) ? other : one))
    if (!(await new MarkReader(ports.batches).isOnRecord(last))) found.add('trail')
  }
  const judged = await Promise.all(marks.map(mark => judgeRow(ports, mark)))
  for (const part of judged) if (part) found.add(part)
  return [...found]
}

function isBefore({ intent: one }: DestroyedMark, { intent: other }: DestroyedMark): boolean {
  return (compareLogs(one.log, other.log) || one.index - other.index) < 0
}

async function judgeRow(
  { ledger, wrappedKeys }: Pick<Ports, 'ledger' | 'wrappedKeys'>,
  { tenant, document, messageId, rowless }: DestroyedMark,
): Promise<RestoredPart | undefined> {
  const row = await ledger.findDocument(tenant, document)
  // Between its mark and the end of its key a paper is `purging`, also after a crash.
  if (row?.state === 'purging') return undefined
  if (row?.state !== 'purged' && !(row === undefined && rowless)) return 'ledger'
  // Asked after the row: a tombstone is put when its key is gone.
  return (await wrappedKeys.get(wrappedKeyId(messageId))) ? 'wrapped-keys' : undefined
}

/** Whether the trail still holds the entry that a mark names. Marks of one append stand in one batch, so the last is kept. */
export class MarkReader {
  readonly #batches: Pick<TrailBatches, 'holding'>
  #kept: { readonly log: string; readonly first: number; readonly leaves: readonly string[] } | undefined

  constructor(batches: Pick<TrailBatches, 'holding'>) {
    this.#batches = batches
  }

  async isOnRecord({ intent: { log, index, leafHash: leaf } }: DestroyedMark): Promise<boolean> {
    const kept = this.#kept
    if (!kept || kept.log !== log || kept.leaves[index - kept.first] === undefined) {
      const batch = await this.#batches.holding(log, index)
      if (!batch) return false
      const leaves = entriesOf(batch.entries).map(bytes => Buffer.from(leafHash(bytes)).toString('base64url'))
      this.#kept = { log, first: batch.first, leaves }
    }
    const { first = 0, leaves = [] } = this.#kept ?? {}
    return leaves[index - first] === leaf
  }
}
