import { limits } from '../domain/media.ts'

/** Rows, keys and names are read so many at a time: memory does not grow with the vault. */
export const pageItems = 200

/** What an upload leaves behind is cleared away within five minutes of its deadline. */
export const clearedAfterMs = 5 * 60_000

/** Nothing older than this may be without a row. */
export const namedWithinMs = limits.deposit.deadlineMs + clearedAfterMs

/** Every item of a paged list, in its order. */
export async function* everyItem<Item, After>(
  fetch: (page: { readonly after?: After; readonly limit: number }) => Promise<readonly Item[]>,
  idOf: (item: Item) => After,
  signal: AbortSignal,
): AsyncGenerator<Item, void> {
  let after: After | undefined
  while (true) {
    signal.throwIfAborted()
    const items = await fetch({ limit: pageItems, ...(after === undefined ? {} : { after }) })
    yield* items
    const last = items.at(-1)
    if (last === undefined || items.length < pageItems) return
    after = idOf(last)
  }
}

/** The same items in groups of at most `size`. */
export async function* inGroups<Item>(
  items: AsyncIterable<Item>,
  size = pageItems,
): AsyncGenerator<readonly Item[], void> {
  let group: Item[] = []
  for await (const item of items) {
    group.push(item)
    if (group.length < size) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}
