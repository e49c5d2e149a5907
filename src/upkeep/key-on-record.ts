import type { PurgingDocument, StoredDocument } from '../domain/document.ts'
import type { Entry } from '../domain/entry.ts'
import { edkDigest, rewrapDigest } from '../guards/fingerprints.ts'
import type { WrappedKey } from '../ports/wrapped-keys.ts'
import type { EntryReader } from './entry-reader.ts'

type Kept = StoredDocument | PurgingDocument

/**
 * Whether the trail tells of exactly this wrapped key: the storing entry while it is as it was stored, and after that the entry
 * its rewrapping was announced with. What a key opens can only be known by opening it; that it is the one the vault made can
 * be known without.
 *
 * @param storing the entry that the document's row names, as it was read
 */
export async function isKeyOnRecord(
  reader: EntryReader,
  document: Kept,
  key: WrappedKey,
  storing: Entry | undefined,
): Promise<boolean> {
  if (key.rewrapped) return tellsOf(await reader.at(key.rewrapped), key)
  const { epoch, keySha256 } = isStoring(document, storing) ? (storing.det ?? {}) : {}
  return epoch === key.epoch && keySha256 === edkDigest(key.edks)
}

/** Whether it is the entry that this document was stored with. */
export function isStoring(document: Kept, entry: Entry | undefined): entry is Entry {
  return entry?.act === 'document.deposit' && entry.out === 'done' && entry.doc === document.id
}

/** Only the vault itself announces, and names each key by a digest that no other key has. */
function tellsOf(entry: Entry | undefined, { id, tenant, epoch, edks }: WrappedKey): boolean {
  if (entry?.act !== 'key.rotate' || entry.out !== 'note' || entry.ten !== tenant) return false
  const { to, keys } = entry.det ?? {}
  return entry.actor?.auth === 'system' && to === epoch && Array.isArray(keys) && keys.includes(rewrapDigest(id, edks))
}
