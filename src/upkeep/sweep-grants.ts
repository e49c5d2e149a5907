import type { Caller } from '../domain/caller.ts'
import { type Entry, type EntryDraft, parseEntry } from '../domain/entry.ts'
import { parseTenantId } from '../domain/ids.ts'
import { compareLogs, ownerOf } from '../domain/log-name.ts'
import { observe } from '../guards/admit.ts'
import { entriesOf } from '../guards/entry-bundle.ts'
import type { Vault } from '../guards/vault.ts'
import { upkeepCaller } from './upkeep-caller.ts'

const batchesAtOnce = 64
/** No request and no job holds a grant this long: a lease's length, twice. */
const abandonedAfterMs = 2 * 6 * 3_600_000

/** Intents of one tenant without an outcome so far; an outcome may stand in the next year's log. */
type OpenIntents = Map<string, Entry>

/**
 * Marks intents that never got an outcome: the process died, or the trail could not be written when it had to be. The mark
 * says that nobody knows how far the action got, and invariant 2 holds again. Reads each batch once in a process's life.
 */
export class GrantSweep {
  readonly #nextSeq = new Map<string, number>()
  readonly #open = new Map<string, OpenIntents>()

  /** @returns how many open intents were marked */
  async run(vault: Vault, signal: AbortSignal): Promise<number> {
    for (const log of (await vault.batches.logs()).toSorted(compareLogs)) {
      const open = this.#open.getOrInsertComputed(ownerOf(log), () => new Map())
      this.#nextSeq.set(log, await readOn(vault, log, this.#nextSeq.get(log) ?? 0, open, signal))
    }
    let marked = 0
    for (const [owner, open] of this.#open) {
      if (!signal.aborted) marked += await mark(vault, owner, open)
    }
    return marked
  }
}

async function readOn(
  vault: Vault,
  log: string,
  fromSeq: number,
  open: OpenIntents,
  signal: AbortSignal,
): Promise<number> {
  let nextSeq = fromSeq
  while (!signal.aborted) {
    const batches = await vault.batches.range(log, nextSeq, batchesAtOnce)
    for (const batch of batches) {
      for (const bytes of entriesOf(batch.entries)) follow(parseEntry(bytes), open)
      nextSeq = batch.seq + 1
    }
    if (batches.length < batchesAtOnce) break
  }
  return nextSeq
}

function follow(entry: Entry, open: OpenIntents): void {
  if (entry.out === 'allow') open.set(entry.id, entry)
  else if (entry.of !== undefined) open.delete(entry.of)
}

async function mark(vault: Vault, owner: string, open: OpenIntents): Promise<number> {
  const beforeMs = vault.clock.nowMs() - abandonedAfterMs
  const stale = [...open.values()].filter(entry => Date.parse(entry.ts) < beforeMs)
  if (stale.length === 0) return 0
  const tenant = owner === '_vault' ? undefined : parseTenantId(owner)
  const caller = upkeepCaller(vault, 'sweep-grants', tenant)
  await observe(vault, caller, { action: 'grant.sweep', resource: { known: true }, detail: { n: stale.length } })
  for (let at = 0; at < stale.length; at += 256) {
    const some = stale.slice(at, at + 256)
    await vault.trail.append(some.map(entry => sweptDraft(entry, caller)))
    for (const entry of some) open.delete(entry.id)
  }
  return stale.length
}

function sweptDraft(entry: Entry, caller: Caller): EntryDraft {
  return {
    act: entry.act as EntryDraft['act'],
    out: 'swept',
    of: entry.id,
    why: 'unfinished',
    caller,
    ...(entry.sub === undefined ? {} : { subject: entry.sub }),
    ...(entry.doc === undefined ? {} : { document: entry.doc }),
  }
}
