/**
 * Calendar days by counting, for tests that judge the vault's own: days as `Intl` shows them on the clocks of a zone, dates as
 * numbers `yyyymmdd`, instants found by walking over them. It knows nothing of `Temporal`.
 */

const minuteMs = 60_000
const dayMs = 86_400_000

const formats = new Map<string, Intl.DateTimeFormat>()

/** The date that the clocks of a zone show, as the number `yyyymmdd`. */
export function dateAt(atMs: number, zone: string): number {
  let format = formats.get(zone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' })
    formats.set(zone, format)
  }
  return Number(format.format(atMs).replaceAll('-', ''))
}

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

/** The same date so many years on; the 29th of February becomes the 28th where there is none. */
export function anniversaryOf(date: number, years: number): number {
  const later = date + years * 10_000
  return later % 10_000 === 229 && !isLeap(Math.floor(later / 10_000)) ? later - 1 : later
}

/** The date so many days on. */
export function daysAfter(date: number, days: number): number {
  const atMs = Date.UTC(Math.floor(date / 10_000), Math.floor((date % 10_000) / 100) - 1, date % 100) + days * dayMs
  return dateAt(atMs, 'UTC')
}

/** The instant from which on the clocks of the zone never show this date, or one before it, again. */
export function endOf(date: number, zone: string): number {
  const shows = (atMs: number): boolean => dateAt(atMs, zone) <= date
  const noonMs = Date.UTC(Math.floor(date / 10_000), Math.floor((date % 10_000) / 100) - 1, date % 100, 12)
  let atMs = noonMs + 3 * dayMs
  while (!shows(atMs - 20 * minuteMs)) atMs -= 20 * minuteMs
  while (!shows(atMs - minuteMs)) atMs -= minuteMs
  return atMs
}
