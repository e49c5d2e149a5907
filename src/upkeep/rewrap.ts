import type { Caller } from '../domain/caller.ts'
import { wrappedKeyId } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { DocumentId, TenantId } from '../domain/ids.ts'
import { documentContext, type KeyContext } from '../domain/key-context.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { rewrapDigest } from '../guards/fingerprints.ts'
import type { Vault } from '../guards/vault.ts'
import type { WrappedKey } from '../ports/wrapped-keys.ts'
import { isKept } from './document-row.ts'
import { EntryReader } from './entry-reader.ts'
import { isKeyOnRecord } from './key-on-record.ts'
import { upkeepCaller } from './upkeep-caller.ts'

/** As many digests as one entry holds beside two key ARNs. */
const atOnce = 128
/** Requests to a key service that are under way together. */
const askedTogether = 16

/** How far the rewrapping of one tenant's keys has come. */
export interface RewrapProgress {
  readonly tenant: TenantId
  readonly from: string
  readonly to: string
  /** Rows that were wrapped anew in this run. */
  readonly count: number
  /** Rows that were under the epoch when the run began. */
  readonly total: number
}

export interface RewrapOptions {
  readonly from: string
  readonly to: string
  readonly signal: AbortSignal
  readonly onProgress?: (progress: RewrapProgress) => void
}

/** What a run came to: rows wrapped anew, and rows that are still under the epoch. */
export interface Rewrapping {
  readonly count: number
  readonly left: number
}

/**
 * Wraps every data key of a tenant that is under `from` anew under `to`; bodies stay as they are. The epoch is closed first, so no
 * row comes after. Each batch is announced in the trail with a digest of what each key becomes, and only then replaced, on
 * the condition that the row is still there under `from`: a key that was destroyed meanwhile stays destroyed. It may end
 * anywhere; what was not replaced is found again by the next run. A key that the trail does not tell of is left as it
 * is, since its rewrapping would hide that it was put there by somebody else; so is one whose upload has not ended.
 *
 * @throws {VaultError} keys.*, ledger.*, trail.* - what was replaced until then is on record
 */
export async function rewrapKeys(vault: Vault, tenant: TenantId, options: RewrapOptions): Promise<Rewrapping> {
  const { from, to, signal } = options
  const total = await vault.wrappedKeys.countUnder(from, tenant)
  const caller = upkeepCaller(vault, 'rewrap-keys', tenant)
  const resource = { known: true, due: true }
  const { grant } = await admit(vault, caller, { action: 'key.rotate', resource, detail: { from, to, total } })
  const reader = new EntryReader(vault.batches)
  let count = 0
  let strange = 0
  try {
    await vault.wrappedKeys.closeEpoch(grant, from, tenant)
    for (let after: string | undefined; !signal.aborted; ) {
      const page = await vault.wrappedKeys.listUnder(from, tenant, {
        limit: atOnce,
        ...(after === undefined ? {} : { after }),
      })
      const judged = await Promise.all(page.map(row => judge(vault, reader, row)))
      strange += judged.filter(one => one === 'strange').length
      count += await replaceAll(vault, grant, caller, judged.filter(isDue), options)
      options.onProgress?.({ tenant, from, to, count, total })
      after = page.at(-1)?.id
      if (page.length < atOnce) break
    }
    const left = await vault.wrappedKeys.countUnder(from, tenant)
    if (strange > 0) throw new VaultError('keys.refused', { detail: 'key.strange', actual: strange })
    const why = left > 0 ? ({ why: 'unfinished' } as const) : {}
    await close(vault, grant, { out: 'done', ...why, detail: { from, to, n: count, left } })
    return { count, left }
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error), detail: { from, to, n: count, strange } }, error)
    throw error
  }
}

interface Due {
  readonly row: WrappedKey
  readonly context: KeyContext
}

const isDue = (one: Due | 'strange' | 'waiting'): one is Due => typeof one === 'object'

/** The context comes from where each id is authoritative: never from the row of the key but for which document to look at. */
async function judge(vault: Vault, reader: EntryReader, row: WrappedKey): Promise<Due | 'strange' | 'waiting'> {
  const document = await vault.ledger.findDocument(row.tenant, row.document as DocumentId)
  if (!document || !isKept(document)) return 'waiting'
  if (wrappedKeyId(document.messageId) !== row.id) return 'strange'
  const storing = await reader.at(document.trail)
  if (!(await isKeyOnRecord(reader, document, row, storing))) return 'strange'
  const { tenant, subject, id } = document
  return { row, context: documentContext({ tenant, subject, document: id }) }
}

/** @returns how many rows were still there, and are replaced */
async function replaceAll(
  vault: Vault,
  grant: Grant<'key.rotate'>,
  caller: Caller,
  due: readonly Due[],
  { from, to }: RewrapOptions,
): Promise<number> {
  if (due.length === 0) return 0
  const anew: { readonly id: string; readonly edks: WrappedKey['edks'] }[] = []
  for (let at = 0; at < due.length; at += askedTogether) {
    const asked = due.slice(at, at + askedTogether).map(async ({ row, context }) => {
      const { edks } = await vault.keyring.rewrap(grant, row.edks, context, to)
      return { id: row.id, edks }
    })
    anew.push(...(await Promise.all(asked)))
  }
  const keys = anew.map(({ id, edks }) => rewrapDigest(id, edks))
  const detail = { intent: grant.intent.id, from, to, n: keys.length, keys }
  const [placed] = await vault.trail.append([{ act: 'key.rotate', out: 'note', caller, detail }])
  if (!placed) throw new VaultError('trail.unavailable')
  const rewrapped = { log: placed.log, index: placed.index }
  const replaced = await Promise.all(
    anew.map(({ id, edks }) => vault.wrappedKeys.replace(grant, id, from, { epoch: to, edks, rewrapped })),
  )
  return replaced.filter(Boolean).length
}
