import { isMet, type Result, shown } from './row.ts'

/** RESULTS.md. */
export function writeReport(results: readonly Result[], machine: string): string {
  return [
    '# Results',
    '',
    `${machine}. Medians of interleaved rounds, in brackets the middle half of them. What each row means is in README.md`,
    'beside this file, which `npm run bench` writes. Others: the part of the processors that something else took just before;',
    'flush: a 4 KiB append and its fdatasync, in milliseconds.',
    '',
    '![Each row against what is asked of it](results.svg)',
    '',
    '| | measured | asked | | behind it | others | flush | rounds |',
    '|---|---|---|---|---|---|---|---|',
    ...results.map(lineOf),
    '',
  ].join('\n')
}

function lineOf(result: Result): string {
  const { name, unit, ask, median, low, high, notes, flushMs, rounds, day } = result
  const asked = ask ? `${ask.bound} ${shown(ask.value)} ${unit}` : 'reported'
  const met = { true: 'met', false: '**missed**', undefined: '' }[
    String(isMet(result)) as 'true' | 'false' | 'undefined'
  ]
  const cells = [name, `${shown(median)} ${unit} (${shown(low)} to ${shown(high)})`, asked, met, notes.join('; ')]
  return `| ${[...cells, share(result.others), shown(flushMs), `${rounds}, ${day}`].join(' | ')} |`
}

/** One line for the terminal. */
export function summaryOf(result: Result): string {
  const { name, unit, ask, median } = result
  const met = isMet(result)
  const verdict = met === undefined ? '' : met ? 'met' : 'MISSED'
  const asked = ask ? `(${ask.bound} ${shown(ask.value)})` : ''
  return `${name.padEnd(52)} ${shown(median).padStart(8)} ${unit.padEnd(3)} ${asked.padEnd(18)} ${verdict}`
}

export function share(taken: number | null): string {
  return taken === null ? 'unknown' : `${Math.round(taken * 100)} %`
}
