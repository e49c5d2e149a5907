const dayMs = 86_400_000

/** The events that a clock of the law runs from. */
export type ClockFact = 'closed' | 'deletion.requested'

/** When the vault was first told of a fact that a clock runs from; the fact's own time is the platform's word. */
export interface Telling {
  readonly of: ClockFact
  readonly atMs: number
  /** By the vault's clock. */
  readonly toldAtMs: number
}

/** A fact that a clock runs from. */
export interface Fact {
  readonly atMs: number
  /** Absent for a fact of an older vault, which kept none: it is never late. */
  readonly toldAtMs?: number
}

/** A fact may be told so long after it happened and still counts from its own time without anybody's look. */
export const promptWithinMs = 7 * dayMs

/** Towards a shredding at most half the days that are promised for it: whoever is to notice a false request has the other half. */
export function promptBeforeShreddingMs({ shredAfterDays }: { readonly shredAfterDays: number }): number {
  return Math.min(promptWithinMs, (shredAfterDays * dayMs) / 2)
}

/** From when on a fact counts by itself. @param withinMs so long before it was told at most */
export function surelySince({ atMs, toldAtMs = atMs }: Fact, withinMs: number): number {
  return Math.max(atMs, toldAtMs - withinMs)
}

/** The fact with the time at which the vault was first told of it, where it knows. */
export function factOf(tellings: readonly Telling[] = [], of: ClockFact, atMs: number): Fact {
  const telling = tellings.find(one => one.of === of && one.atMs === atMs)
  return telling ? { atMs, toldAtMs: telling.toldAtMs } : { atMs }
}

/**
 * With one more telling, in an order of their own: of a fact that is told again the first telling counts, in whatever order
 * they are put down.
 *
 * @param isNew false for a fact that the row knew before: where it has no telling, it is an older vault's and gets none
 */
export function withTelling(tellings: readonly Telling[] = [], told: Telling, isNew: boolean): readonly Telling[] {
  const known = tellings.find(one => one.of === told.of && one.atMs === told.atMs)
  if (!known && !isNew) return tellings
  const first = { ...told, toldAtMs: Math.min(known?.toldAtMs ?? told.toldAtMs, told.toldAtMs) }
  return [...tellings.filter(one => one !== known), first].sort(
    (a, b) => (a.of < b.of ? -1 : a.of > b.of ? 1 : 0) || a.atMs - b.atMs,
  )
}
