import type { List } from './cursors.ts'
import type { Door } from './door.ts'
import type { Reply } from './respond.ts'
import type { Asked } from './route.ts'

/** What a list handler was asked for, as far as paging goes. */
type Listing = Pick<
  Asked<unknown, { readonly limit: number; readonly cursor?: string | undefined }, unknown>,
  'caller' | 'query'
>

/** One page's place in its list: where it begins, and how the next one is named. */
export interface Paging {
  readonly position: string | undefined
  next(position: string | undefined): Promise<{ readonly next?: string }>
}

/**
 * Opens the cursor that came, and seals the next one, both bound to route, tenant and filter.
 * @throws {VaultError} cursor.invalid
 */
export async function pagingOf(door: Door, route: string, asked: Listing, filter: List['filter']): Promise<Paging> {
  const list: List = { route, caller: asked.caller, filter }
  const { cursor } = asked.query
  const position = cursor === undefined ? undefined : await door.cursors.open(list, cursor)
  return {
    position,
    next: async after => (after === undefined ? {} : { next: await door.cursors.seal(list, after) }),
  }
}

/** Where a verb begins to list, and how many items it may answer. */
export interface PageAsked<Position> {
  readonly limit: number
  readonly after?: Position
}

/**
 * Answers one page of a list. `read` gets where it begins, and names where the next one does; what else it answers stands
 * beside the items.
 *
 * @param list.parse reads a position that the vault itself sealed
 * @throws {VaultError} cursor.invalid
 */
export async function answerPage<Position>(
  door: Door,
  asked: Listing,
  list: Pick<List, 'route' | 'filter'> & { readonly parse: (position: string) => Position | undefined },
  read: (page: PageAsked<Position>) => Promise<{ readonly items: readonly object[]; readonly next?: string }>,
): Promise<Reply> {
  const page = await pagingOf(door, list.route, asked, list.filter)
  const after = page.position === undefined ? undefined : list.parse(page.position)
  const { next, ...found } = await read({ limit: asked.query.limit, ...(after === undefined ? {} : { after }) })
  return { kind: 'json', body: { ...found, ...(await page.next(next)) } }
}
