import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { productionSkip } from '../support/production-place.ts'
import { benchCodec, benchSeal } from './crypto.ts'
import { describeMachine, flushCostMs, takenByOthers } from './machine.ts'
import { benchMongoAppend } from './mongo-append.ts'
import { plot } from './plot.ts'
import { benchProduction } from './production.ts'
import { benchDue, benchPurge } from './purge.ts'
import { benchRead } from './reads.ts'
import { share, summaryOf, writeReport } from './report.ts'
import { type Options, type Result, type Row, resultOf, shown } from './row.ts'
import { benchStart } from './start.ts'
import { benchAppend, benchVerify } from './trail.ts'
import { benchJpeg, benchPdf } from './uploads.ts'

/**
 * `npm run bench [-- name …] [--rounds N] [--quick]`: all benches or those named, at least 7 interleaved rounds each. A run
 * that was not quick replaces its rows in results.generated.json, RESULTS.md and results.svg beside this file; the others stay as they
 * were. It judges, and never fails for a figure: a machine that is busy with something else is no defect of the vault.
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
  ...(productionSkip === false ? { production: benchProduction, 'mongo-append': benchMongoAppend } : {}),
  purge: benchPurge,
  due: benchDue,
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

const machine = describeMachine()
const kept = new URL('results.generated.json', import.meta.url)
const day = new Date().toISOString().slice(0, 10)
process.stdout.write(`${machine}; ${rounds} rounds\n`)
const made: Result[] = []
for (const name of chosen) {
  const conditions = { rounds, day, flushMs: flushCostMs(), others: (await takenByOthers()) ?? null }
  const { flushMs, others } = conditions
  process.stdout.write(`${name}: flush ${shown(flushMs)} ms, others take ${share(others)} of the processors\n`)
  const progress = (text: string): void => void process.stderr.write(`  ${text}\n`)
  for (const row of (await benches[name]?.({ rounds, quick, progress })) ?? []) {
    const result = resultOf(row, conditions)
    made.push(result)
    process.stdout.write(`${summaryOf(result)}\n${row.notes.map(note => `    ${note}\n`).join('')}`)
  }
}
if (!quick) {
  const others = keptResults().filter(({ bench }) => !chosen.includes(bench))
  const results = Object.keys(benches).flatMap(name => [...made, ...others].filter(({ bench }) => bench === name))
  writeFileSync(kept, `${JSON.stringify(results, undefined, 1)}\n`)
  writeFileSync(new URL('RESULTS.md', import.meta.url), writeReport(results, machine))
  writeFileSync(new URL('results.svg', import.meta.url), plot(results, `${machine}, medians of interleaved rounds`))
}

function keptResults(): readonly Result[] {
  return existsSync(kept) ? (JSON.parse(readFileSync(kept, 'utf8')) as readonly Result[]) : []
}
