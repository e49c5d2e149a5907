import { isMet, median, quantile, type Row, shown } from './row.ts'

/** Where and how a run was made. */
export interface Run {
  readonly machine: string
  readonly flushMs: readonly [before: number, after: number]
  readonly rounds: number
  readonly quick: boolean
  readonly day: string
}

/** RESULTS.md. */
export function writeReport(rows: readonly Row[], run: Run): string {
  const [before, after] = run.flushMs
  return [
    '# Results',
    '',
    `${run.day}, ${run.machine}. A 4 KiB append and its fdatasync took ${shown(before)} ms before and ${shown(after)} ms after.`,
    `Medians of ${run.rounds} interleaved rounds, in brackets the middle half of them${run.quick ? '; a quick run, not to be quoted' : ''}.`,
    'What each row means is in README.md beside this file, which `npm run bench` writes.',
    '',
    '![Each row against what is asked of it](results.svg)',
    '',
    '| | measured | asked | | behind it |',
    '|---|---|---|---|---|',
    ...rows.map(lineOf),
    '',
  ].join('\n')
}

function lineOf(row: Row): string {
  const { name, unit, ask, values, notes } = row
  const spread = `${shown(quantile(values, 0.25))} to ${shown(quantile(values, 0.75))}`
  const asked = ask ? `${ask.bound} ${shown(ask.value)} ${unit}` : 'reported'
  const met = { true: 'met', false: '**missed**', undefined: '' }[String(isMet(row)) as 'true' | 'false' | 'undefined']
  return `| ${name} | ${shown(median(values))} ${unit} (${spread}) | ${asked} | ${met} | ${notes.join('; ')} |`
}

/** One line for the terminal. */
export function summaryOf(row: Row): string {
  const { name, unit, ask, values } = row
  const met = isMet(row)
  const verdict = met === undefined ? '' : met ? 'met' : 'MISSED'
  const asked = ask ? `(${ask.bound} ${shown(ask.value)})` : ''
  return `${name.padEnd(52)} ${shown(median(values)).padStart(8)} ${unit.padEnd(3)} ${asked.padEnd(18)} ${verdict}`
}
