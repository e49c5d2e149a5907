import type { Caller } from '../../src/domain/caller.ts'
import { type Entry, parseEntry } from '../../src/domain/entry.ts'
import { entriesOf } from '../../src/guards/entry-bundle.ts'
import type { Vault } from '../../src/guards/vault.ts'

/** Every entry on disk, log by log, in order. */
export async function* everyEntry({ batches }: Pick<Vault, 'batches'>): AsyncGenerator<Entry, void> {
  for (const log of await batches.logs()) {
    for (let seq = 0; ; ) {
      const some = await batches.range(log, seq, 64)
      for (const { entries } of some) yield* entriesOf(entries).map(parseEntry)
      seq += some.length
      if (some.length < 64) break
    }
  }
}

/** What a caller's request was allowed, as it stands on disk. */
export async function intentsOf(vault: Pick<Vault, 'batches'>, caller: Caller): Promise<readonly Entry[]> {
  const intents: Entry[] = []
  for await (const entry of everyEntry(vault)) {
    if (entry.out === 'allow' && entry.req === caller.requestId) intents.push(entry)
  }
  return intents
}
