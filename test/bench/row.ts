/** What a row must reach; a figure without one is reported and not judged. */
export interface Ask {
  readonly bound: 'at least' | 'at most'
  readonly value: number
}

/** One figure with its values over the rounds. */
export interface Row {
  /** The bench it belongs to, as the command line names it. */
  readonly bench: string
  readonly name: string
  readonly unit: string
  readonly ask?: Ask
  /** One for each round, in their order. */
  readonly values: readonly number[]
  /** What stands behind it: rates, times and CPU of both sides. */
  readonly notes: readonly string[]
}

export interface Options {
  /** At least 7 for a figure that is quoted. */
  readonly rounds: number
  /** Smaller inputs, for a look at whether it runs at all. */
  readonly quick: boolean
  readonly progress: (text: string) => void
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** By linear interpolation between the two nearest; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

/** A row as it is kept: the middle of its values, and what the machine was like meanwhile. */
export interface Result extends Omit<Row, 'values'> {
  readonly median: number
  /** The middle half of the rounds. */
  readonly low: number
  readonly high: number
  readonly rounds: number
  readonly day: string
  /** Of a 4 KiB append and its fdatasync, just before. */
  readonly flushMs: number
  /** The part of the processors that others took just before, 0 to 1; null where the system does not tell. */
  readonly others: number | null
}

export function resultOf(
  { values, ...row }: Row,
  conditions: Pick<Result, 'rounds' | 'day' | 'flushMs' | 'others'>,
): Result {
  return { ...row, median: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75), ...conditions }
}

/** True, false, or undefined where nothing is asked. */
export function isMet({ ask, median: middle }: Result): boolean | undefined {
  if (!ask) return undefined
  return ask.bound === 'at least' ? middle >= ask.value : middle <= ask.value
}

/** Three significant digits, whole numbers from 100 on, thousands parted. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return 'n/a'
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)))
}
