import type { List } from './cursors.ts'
import type { Door } from './door.ts'
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
