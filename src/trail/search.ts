import type { Caller, Reason } from '../domain/caller.ts'
import { type Detail, type Entry, type Out, parseEntry } from '../domain/entry.ts'
import { VaultError } from '../domain/errors.ts'
import type { TenantId } from '../domain/ids.ts'
import { compareLogs, logsOf, parseLogName } from '../domain/log-name.ts'
import { limits } from '../domain/media.ts'
import type { Scope } from '../domain/permission.ts'
import type { TrailItem } from '../domain/view.ts'
import { admit, close, codeOf, type Refusal, settle } from '../guards/admit.ts'
import { entriesOf } from '../guards/entry-bundle.ts'
import { leafHash } from '../guards/merkle.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import type { TrailBatch } from '../ports/trail-batches.ts'

/** All that is given must hold. Times are epoch ms of an entry's own `ts`: from `fromMs` on, before `toMs`. */
export interface TrailFilter {
  readonly document?: string | undefined
  /** The uuid under which the trail names a person. */
  readonly subject?: string | undefined
  readonly actor?: string | undefined
  readonly act?: string | undefined
  readonly out?: Out | undefined
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

/** A place in the trail: the entries of `log` below index `before`, and all earlier years. */
export interface TrailPlace {
  readonly log: string
  readonly before: number
}

export interface TrailSearch extends Partial<TrailPlace> {
  readonly filter: TrailFilter
  readonly reason: Reason
  /** 1 to `limits.page.maxItems`. */
  readonly limit: number
}

export interface TrailPage {
  readonly items: readonly TrailItem[]
  /** Where to go on; absent once the first entry of the earliest year has been looked at. */
  readonly next?: TrailPlace
}

const maxExamined = 10_000
const batchesAtOnce = 16

type Searched = Pick<Vault, 'trail' | 'batches' | 'tenants' | 'denials' | 'clock' | 'log' | 'ledger'>

/**
 * Entries of the caller's tenant, newest first, later years before earlier ones: all of them, those of the named case, or the
 * caller's own, as the role says. Examines at most 10,000 entries, so a page may be short, or empty, and still have a next.
 *
 * @throws {VaultError} trail.range - refused, on record: no log of the caller's tenant, or no index in it
 * @throws {VaultError} role.not-allowed, case.missing - refused, on record
 * @throws {VaultError} trail.unavailable - the read could not be put on record, or the store did not answer
 * @throws {VaultError} trail.diverged - a stored batch or entry is not what the vault writes
 */
export async function readTrail(vault: Searched, caller: Caller, input: TrailSearch): Promise<TrailPage> {
  const { filter, reason } = input
  const refusal = refusePlace(caller.tenant, input)
  const { grant, scope } = await admit(vault, caller, {
    action: 'trail.read',
    resource: { known: true },
    reason,
    ...(filter.subject === undefined ? {} : { subject: filter.subject }),
    ...(filter.document === undefined ? {} : { document: filter.document }),
    detail: { ...detailOf(filter), ...(refusal ? {} : placeOf(input)) },
    refuse: () => refusal,
  })
  const page = await search(vault, caller, scope, input).catch(async (error: unknown) => {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  })
  await settle(vault, grant, { out: 'done', detail: { n: page.items.length } })
  return page
}

/** A place is only ever the vault's own answer to the same caller, so another one is a guess and is refused as such. */
function refusePlace(tenant: TenantId | undefined, { log, before }: Partial<TrailPlace>): Refusal | undefined {
  if (log === undefined && before === undefined) return undefined
  const owner = log === undefined ? undefined : parseLogName(log)?.tenant
  const isOwn = owner !== undefined && owner === tenant
  const isIndex = before === undefined || (Number.isSafeInteger(before) && before >= 0)
  return isOwn && isIndex ? undefined : { code: 'trail.range' }
}

/** What was looked for is part of the record: codes, times and opaque ids. */
function detailOf({ actor, act, out, fromMs, toMs }: TrailFilter): Detail {
  return {
    ...(actor === undefined ? {} : { actor }),
    ...(act === undefined ? {} : { act }),
    ...(out === undefined ? {} : { out }),
    ...(fromMs === undefined ? {} : { from: fromMs }),
    ...(toMs === undefined ? {} : { to: toMs }),
  }
}

/** Only of a place that is the vault's own: a guessed one is free text. */
function placeOf({ log, before }: Partial<TrailPlace>): Detail {
  return { ...(log === undefined ? {} : { log }), ...(before === undefined ? {} : { before }) }
}

type Matches = (entry: Entry) => boolean

function matcher(filter: TrailFilter, scope: Scope, caller: Caller, reason: Reason): Matches {
  const { document, subject, actor, act, out, fromMs = -Infinity, toMs = Infinity } = filter
  const isSeen = visibleTo(scope, caller, reason)
  const isIn = (ts: string): boolean => {
    const timeMs = Date.parse(ts)
    return timeMs >= fromMs && timeMs < toMs
  }
  return entry =>
    isSeen(entry) &&
    (document === undefined || entry.doc === document) &&
    (subject === undefined || entry.sub === subject) &&
    (actor === undefined || entry.actor?.id === actor) &&
    (act === undefined || entry.act === act) &&
    (out === undefined || entry.out === out) &&
    isIn(entry.ts)
}

function visibleTo(scope: Scope, caller: Caller, reason: Reason): Matches {
  switch (scope) {
    case 'all':
      return () => true
    case 'case':
      return entry => reason.case !== undefined && entry.case === reason.case
    case 'self':
      return entry => entry.actor?.id === caller.id
    case 'own':
    case 'due':
      return () => false
  }
}

async function search(vault: Searched, caller: Caller, scope: Scope, input: TrailSearch): Promise<TrailPage> {
  const tenant = tenantOf(vault, caller).id
  const matches = matcher(input.filter, scope, caller, input.reason)
  const limit = Math.min(input.limit, limits.page.maxItems)
  const from = input.log
  const logs = logsOf(await vault.batches.logs(), tenant).filter(
    log => from === undefined || compareLogs(log, from) <= 0,
  )
  const items: TrailItem[] = []
  let examined = 0
  let reached: TrailPlace | undefined
  for (const log of logs.toReversed()) {
    const before = log === from ? (input.before ?? Infinity) : Infinity
    for await (const batch of batchesBelow(vault, log, before)) {
      for (const item of itemsOf(batch, tenant, before)) {
        if (items.length >= limit || examined >= maxExamined) return reached ? { items, next: reached } : { items }
        examined++
        reached = { log, before: item.index }
        if (matches(item.entry)) items.push(seal(item))
      }
      // A batch holds up to 512 entries: others get their turn between two of them.
      await new Promise(setImmediate)
    }
  }
  return { items }
}

/** The batches that hold an entry below index `before`, newest first. */
async function* batchesBelow({ batches }: Searched, log: string, before: number): AsyncGenerator<TrailBatch> {
  const newest = before === Infinity ? await batches.tail(log) : await batches.holding(log, Math.max(before - 1, 0))
  if (!newest || before === 0) return
  yield newest
  for (let end = newest.seq; end > 0; end -= batchesAtOnce) {
    const start = Math.max(end - batchesAtOnce, 0)
    const some = await batches.range(log, start, end - start)
    yield* some.toReversed()
  }
}

interface Examined {
  readonly log: string
  readonly index: number
  readonly bytes: Uint8Array
  readonly entry: Entry
}

/** Newest first. Only those that are looked at are parsed. */
function* itemsOf(batch: TrailBatch, tenant: TenantId, before: number): Generator<Examined> {
  const entries = entriesOf(batch.entries)
  for (let i = entries.length - 1; i >= 0; i--) {
    const bytes = entries[i]
    const index = batch.first + i
    if (!bytes || index >= before) continue
    const entry = parseEntry(bytes)
    if (entry.ten !== tenant) throw new VaultError('trail.diverged', { detail: 'entry.tenant' })
    yield { log: batch.log, index, bytes, entry }
  }
}

function seal({ log, index, bytes, entry }: Examined): TrailItem {
  return { log, index, leafHash: Buffer.from(leafHash(bytes)).toString('base64url'), entry }
}
