import { type Document, wrappedKeyId } from '../domain/document.ts'
import type { MessageId } from '../domain/ids.ts'
import { MarkReader } from '../guards/restored.ts'
import type { Vault } from '../guards/vault.ts'
import type { DestroyedMark } from '../ports/destroyed.ts'

type Asked = Pick<Vault, 'destroyed' | 'batches' | 'ledger' | 'wrappedKeys' | 'blobs'>

/** What a restored backup brought back of what was destroyed. */
export interface Undone {
  /** How many marks the list holds. */
  readonly marks: number
  /** Papers to destroy anew, or to put on record anew, one mark of each. */
  readonly again: readonly DestroyedMark[]
  /** Logs of the trail whose end is lost. */
  readonly lostLogs: readonly string[]
}

const atOnce = 256
const blobName = /^v1\/[0-9a-f]{2}\/([0-9a-f]{64})$/

/**
 * Holds every mark of the list against trail, rows, keys and bodies. A paper is done for when one of its marks is on record, its
 * row is a tombstone or its mark says that it had none, and neither key nor body is there. Memory grows with what is undone, and
 * with the bodies that no row names, not with the list.
 */
export async function findUndone(vault: Asked, signal: AbortSignal): Promise<Undone> {
  const strays = await strayBodies(vault, signal)
  const reader = new MarkReader(vault.batches)
  const undone = new Map<MessageId, DestroyedMark>()
  /** Marks whose entry is lost, and those without a row; a later mark of the same paper may stand for them. */
  const lost = new Map<MessageId, DestroyedMark>()
  const without = new Map<MessageId, DestroyedMark>()
  let marks = 0
  for await (const group of inGroups(vault.destroyed.list())) {
    signal.throwIfAborted()
    marks += group.length
    const found = await Promise.all(group.map(mark => lookAt(vault, mark)))
    for (const [at, mark] of group.entries()) {
      const { row, hasKey } = found[at] ?? { row: undefined, hasKey: true }
      const isGone = row === undefined || row.state === 'purged'
      if (hasKey || !isGone || strays.has(mark.messageId)) undone.set(mark.messageId, mark)
      else if (row === undefined && !mark.rowless) without.set(mark.messageId, mark)
      if (!(await reader.isOnRecord(mark))) lost.set(mark.messageId, mark)
    }
  }
  const lostLogs = await settleByLaterMarks(vault, lost, without, signal)
  for (const [id, mark] of [...lost, ...without]) undone.set(id, mark)
  return { marks, again: [...undone.values()], lostLogs }
}

/** Takes out of both whatever has another mark that is on record. @returns the logs of what is left as lost */
async function settleByLaterMarks(
  vault: Asked,
  lost: Map<MessageId, DestroyedMark>,
  without: Map<MessageId, DestroyedMark>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (lost.size + without.size === 0) return []
  const reader = new MarkReader(vault.batches)
  for await (const mark of vault.destroyed.list()) {
    signal.throwIfAborted()
    const { messageId, rowless } = mark
    if (!lost.has(messageId) && !(rowless && without.has(messageId))) continue
    if (!(await reader.isOnRecord(mark))) continue
    lost.delete(messageId)
    if (rowless) without.delete(messageId)
  }
  return [...new Set([...lost.values()].map(({ intent }) => intent.log))]
}

async function lookAt(
  { ledger, wrappedKeys }: Asked,
  { tenant, document, messageId }: DestroyedMark,
): Promise<{ readonly row: Document | undefined; readonly hasKey: boolean }> {
  const [row, key] = await Promise.all([
    ledger.findDocument(tenant, document),
    wrappedKeys.get(wrappedKeyId(messageId)),
  ])
  return { row, hasKey: key !== undefined }
}

/** Bodies that no row names. */
async function strayBodies({ blobs, ledger }: Asked, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const strays = new Set<string>()
  for await (const group of inGroups(blobs.list(Number.MAX_SAFE_INTEGER))) {
    signal.throwIfAborted()
    const named = await ledger.namedBlobs(group.map(({ key }) => key))
    for (const { key } of group) {
      const messageId = blobName.exec(key)?.[1]
      if (messageId !== undefined && !named.has(key)) strays.add(messageId)
    }
  }
  return strays
}

async function* inGroups<Item>(items: AsyncIterable<Item>): AsyncGenerator<readonly Item[]> {
  let group: Item[] = []
  for await (const item of items) {
    group.push(item)
    if (group.length < atOnce) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}
