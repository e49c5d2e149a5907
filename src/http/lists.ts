import type { List } from './cursors.ts'
import type { Door } from './door.ts'
import type { Reply } from './respond.ts'
import type { Asked } from './route.ts'

/** What a list handler was asked for, as far as paging goes. */
type Listing = Pick<
  Asked<unknown, { readonly limit: number; readonly cursor?: string | undefined }, unknown>,
  'caller' | 'query'
>

/** Where a verb begins to list, and how many items it may answer. */
interface PageAsked<Position> {
  readonly limit: number
  readonly after?: Position
}

/**
 * Answers one page of a list. `read` gets where it begins, and names where the next one does; what else it answers stands
 * beside the items. The cursor that came is opened, and the next one sealed, both bound to route, tenant and filter.
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
  const sealed: List = { route: list.route, caller: asked.caller, filter: list.filter }
  const { cursor, limit } = asked.query
  const after = cursor === undefined ? undefined : list.parse(await door.cursors.open(sealed, cursor))
  const { next, ...found } = await read({ limit, ...(after === undefined ? {} : { after }) })
  const more = next === undefined ? {} : { next: await door.cursors.seal(sealed, next) }
  return { kind: 'json', body: { ...found, ...more } }
}
