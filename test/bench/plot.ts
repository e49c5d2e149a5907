import { isMet, type Result, shown } from './row.ts'

const left = 330
const right = 110
const width = 1_000
const lineHeight = 26
const top = 64
/** The scale: from a quarter of what is asked to eight times as good, by powers of two. */
const [least, most] = [-2, 3]
const colours = { met: '#2f7d4f', missed: '#b3372f', track: '#e6e8ec', text: '#1c2430', faint: '#6b7480' }

/**
 * Every judged row as how many times it beats what is asked, on a scale of powers of two: the bar is the middle half of the
 * rounds, the dot their median. Right of the line is met.
 */
export function plot(rows: readonly Result[], caption: string): string {
  const judged = rows.filter(row => row.ask)
  const height = top + judged.length * lineHeight + 34
  const ticks = Array.from({ length: most - least + 1 }, (_, i) => least + i)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="DejaVu Sans, sans-serif" font-size="12.5">`,
    '<title>How far each row of the bench is beyond what is asked of it</title>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(16, 24, 'How far each row is beyond what is asked of it', { size: 16, weight: 600 }),
    text(16, 44, caption, { fill: colours.faint }),
    ...ticks.flatMap(power => [
      `<line x1="${x(power)}" x2="${x(power)}" y1="${top - 6}" y2="${height - 30}" stroke="${power === 0 ? colours.text : colours.track}" stroke-width="${power === 0 ? 1.5 : 1}"/>`,
      text(x(power), height - 12, power === 0 ? 'asked' : `${2 ** power}x`, { anchor: 'middle', fill: colours.faint }),
    ]),
    ...judged.flatMap((row, i) => bar(row, top + i * lineHeight)),
    '</svg>',
    '',
  ].join('\n')
}

function bar(row: Result, y: number): readonly string[] {
  const [low, mid, high] = [row.low, row.median, row.high].map(value => x(Math.log2(beyond(row, value)))) as [
    number,
    number,
    number,
  ]
  const colour = isMet(row) ? colours.met : colours.missed
  const from = Math.min(low, high)
  return [
    text(16, y + 14, row.name, {}),
    `<rect x="${from}" y="${y + 5}" width="${Math.max(Math.abs(high - low), 2)}" height="10" rx="3" fill="${colour}" opacity="0.35"/>`,
    `<circle cx="${mid}" cy="${y + 10}" r="5" fill="${colour}"/>`,
    text(width - 16, y + 14, `${shown(row.median)} ${row.unit}`, { anchor: 'end', fill: colour }),
  ]
}

/** Above 1 is better than asked, whichever way the row counts. A difference that is zero or less cannot be divided: as good as it gets. */
function beyond({ ask }: Result, value: number): number {
  if (!ask) return 1
  const times = ask.bound === 'at least' ? value / ask.value : ask.value / value
  return times > 0 && Number.isFinite(times) ? times : 2 ** most
}

function x(power: number): number {
  const clamped = Math.min(Math.max(power, least), most)
  return Math.round((left + ((clamped - least) / (most - least)) * (width - left - right)) * 10) / 10
}

function text(
  at: number,
  y: number,
  words: string,
  style: { size?: number; weight?: number; fill?: string; anchor?: string },
): string {
  const { size, weight, fill = colours.text, anchor = 'start' } = style
  const more = `${size ? ` font-size="${size}"` : ''}${weight ? ` font-weight="${weight}"` : ''}`
  const escaped = words.replace(/[<>&]/g, found => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[found] ?? '')
  return `<text x="${at}" y="${y}" fill="${fill}" text-anchor="${anchor}"${more}>${escaped}</text>`
}
