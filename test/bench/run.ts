import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { benchCodec, benchSeal } from './crypto.ts'
import { describeMachine, flushCostMs } from './machine.ts'
import { plot } from './plot.ts'
import { benchRead } from './reads.ts'
import { summaryOf, writeReport } from './report.ts'
import { type Options, type Row, shown } from './row.ts'
import { benchStart } from './start.ts'
import { benchAppend, benchVerify } from './trail.ts'
import { benchJpeg, benchPdf } from './uploads.ts'

/**
 * `npm run bench [-- name …] [--rounds N] [--quick]`: all benches or those named, at least 7 interleaved rounds each. Writes
 * RESULTS.md and results.svg beside this file when all of them ran and the run was not quick. It judges, and never fails
 * for a figure: a machine that is busy with something else is no defect of the vault.
 */
const benches: Readonly<Record<string, (options: Options) => Promise<readonly Row[]>>> = {
  seal: benchSeal,
  codec: benchCodec,
  start: benchStart,
  append: benchAppend,
  verify: benchVerify,
  read: benchRead,
  pdf: benchPdf,
  jpeg: benchJpeg,
}
const leastRounds = 7

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '9' }, quick: { type: 'boolean', default: false } },
})
const unknown = positionals.filter(name => !(name in benches))
const asked = Number(values.rounds)
if (unknown.length > 0 || !Number.isInteger(asked) || asked < 1) {
  process.stderr.write(`benches: ${Object.keys(benches).join(' ')}; --rounds takes a whole number\n`)
  process.exit(2)
}
const quick = values.quick
const rounds = quick ? Math.min(asked, 3) : Math.max(asked, leastRounds)
const chosen = Object.keys(benches).filter(name => positionals.length === 0 || positionals.includes(name))

const before = flushCostMs()
const machine = describeMachine()
process.stdout.write(`${machine}; 4 KiB append and fdatasync ${shown(before)} ms; ${rounds} rounds\n`)
const rows: Row[] = []
for (const name of chosen) {
  const progress = (text: string): void => void process.stderr.write(`  ${text}\n`)
  const made = (await benches[name]?.({ rounds, quick, progress })) ?? []
  rows.push(...made)
  for (const row of made) process.stdout.write(`${summaryOf(row)}\n${row.notes.map(note => `    ${note}\n`).join('')}`)
}
if (!quick && chosen.length === Object.keys(benches).length) {
  const run = {
    machine,
    flushMs: [before, flushCostMs()],
    rounds,
    quick,
    day: new Date().toISOString().slice(0, 10),
  } as const
  writeFileSync(new URL('RESULTS.md', import.meta.url), writeReport(rows, run))
  writeFileSync(
    new URL('results.svg', import.meta.url),
    plot(rows, `${run.day}, ${machine}, medians of ${rounds} rounds`),
  )
  process.stdout.write('RESULTS.md and results.svg are written\n')
}
