import { type Entry, parseEntry } from '../domain/entry.ts'
import { VaultError } from '../domain/errors.ts'
import type { Finding } from '../domain/finding.ts'
import type { DocumentId, TenantId } from '../domain/ids.ts'
import { compareLogs, ownerOf } from '../domain/log-name.ts'
import type { Action } from '../domain/permission.ts'
import { entriesOf } from '../guards/entry-bundle.ts'
import type { TrailBatch } from '../ports/trail-batches.ts'
import type { Checked, CheckOptions } from './checking.ts'

const batchesAtOnce = 16
const dayMs = 86_400_000

/** What one tenant's logs, read in order, have left unsaid so far. */
interface Unsaid {
  /** Intents without an outcome. */
  readonly intents: Map<string, Finding & { readonly timeMs: number }>
  /** Documents that were stored, have no row, and of which no sweep was read yet. */
  readonly missing: Map<string, Finding>
  /** Attempts that were swept: an outcome may stand after the sweep that overtook it. */
  readonly swept: Set<string>
}

/**
 * What the trail says must be true of the rows: each intent has its outcome within a day, and each document that was stored
 * is there, or was cleared away on record. Logs of one tenant go on in one another, since an outcome may fall into the next year.
 */
export async function* checkEntries(vault: Checked, options: CheckOptions): AsyncGenerator<Finding, void> {
  const logs = Map.groupBy((await vault.batches.logs()).toSorted(compareLogs), ownerOf)
  for (const ofOne of logs.values()) {
    const unsaid: Unsaid = { intents: new Map(), missing: new Map(), swept: new Set() }
    for (const log of ofOne) await readLog(vault, log, unsaid, options)
    yield* unsaid.missing.values()
    const beforeMs = vault.clock.nowMs() - dayMs
    for (const { timeMs, ...finding } of unsaid.intents.values()) if (timeMs < beforeMs) yield finding
  }
}

async function readLog(vault: Checked, log: string, unsaid: Unsaid, { counts, signal }: CheckOptions): Promise<void> {
  let nextSeq = 0
  while (true) {
    signal.throwIfAborted()
    const batches = await vault.batches.range(log, nextSeq, batchesAtOnce)
    for (const batch of batches) {
      nextSeq = batch.seq + 1
      const entries = readBatch(batch)
      counts.entries += entries.length
      for (const [at, entry] of entries.entries()) {
        if (!entry) continue
        follow(entry, { log, index: batch.first + at }, unsaid)
        const lost = lostDocument(entry, { log, index: batch.first + at })
        if (lost && !unsaid.swept.has(lost.document) && !(await hasRow(vault, lost))) {
          unsaid.missing.set(lost.document, lost)
        }
      }
    }
    if (batches.length < batchesAtOnce) return
  }
}

/** Whatever can be read; what cannot is told by the verification of the trail. */
function readBatch(batch: TrailBatch): readonly (Entry | undefined)[] {
  return orNothing(() => entriesOf(batch.entries))?.map(bytes => orNothing(() => parseEntry(bytes))) ?? []
}

function orNothing<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof VaultError) return undefined
    throw error
  }
}

interface Place {
  readonly log: string
  readonly index: number
}

function follow(entry: Entry, place: Place, { intents, missing, swept }: Unsaid): void {
  const { id, act, out, of, ten: tenant, doc: document } = entry
  if (out === 'allow') {
    const which = { ...(tenant === undefined ? {} : { tenant }), ...(document === undefined ? {} : { document }) }
    intents.set(id, { code: 'grant.open', ...which, ...place, detail: act, timeMs: Date.parse(entry.ts) })
  } else if (of !== undefined) intents.delete(of)
  if (document !== undefined && (isSwept(entry) || (destroying.has(act) && out === 'done'))) {
    missing.delete(document)
    swept.add(document)
  }
}

function isSwept({ act, out, why }: Entry): boolean {
  return act === 'deposit.sweep' && out === 'done' && why === undefined
}

/** A destroyed paper has no row where an older ledger was put back. */
const destroying: ReadonlySet<string> = new Set<Action>(['purge.execute', 'restore.check'])

/** What it would mean if the document of a storing entry had no row. */
function lostDocument(entry: Entry, place: Place): (Finding & { document: string; tenant: string }) | undefined {
  const { act, out, ten: tenant, doc: document } = entry
  if (act !== 'document.deposit' || out !== 'done' || entry.why === 'replayed') return undefined
  return tenant === undefined || document === undefined
    ? undefined
    : { code: 'document.lost', tenant, document, ...place }
}

async function hasRow(vault: Checked, { tenant, document }: { tenant: string; document: string }): Promise<boolean> {
  return (await vault.ledger.findDocument(tenant as TenantId, document as DocumentId)) !== undefined
}
