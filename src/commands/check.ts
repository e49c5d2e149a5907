import { parseArgs } from 'node:util'
import { inspectBacking } from '../backing.ts'
import { type Config, readConfig } from '../config.ts'
import { VaultError } from '../domain/errors.ts'
import { type Finding, findingCodes } from '../domain/finding.ts'
import { findRestored } from '../guards/restored.ts'
import type { Vault } from '../guards/vault.ts'
import { verifyLogs } from '../trail/verify.ts'
import { check as checkRows } from '../upkeep/check.ts'
import { type Counts, noCounts } from '../upkeep/checking.ts'
import { type Command, complain, type ExitCode, exit, print } from './command.ts'
import { reachVault } from './reach.ts'

/** Damage below the ports that leaves nothing to look at above them. */
const fatal = new Set<Finding['code']>(['file.missing', 'file.corrupt'])
const progressEveryMs = 500

export const check: Command = {
  summary: 'say whether everything that was acknowledged is there and whole',
  help: [
    'Usage: check [--json] [--quick]',
    '',
    'Reads every row, wrapped key, sealed body and trail entry of a vault that is not running, changes nothing, opens no',
    'paper, and prints one line for each thing that does not hold: its kind, what it is about, what it means.',
    '',
    '  --json    one JSON object {problems, counts, ok} on standard output instead',
    '  --quick   compare the lengths of the sealed bodies, do not read and hash them',
    '',
    'Exit codes: 0 everything holds, 1 something does not, 2 wrong use, 3 it cannot be read (a running vault included).',
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: { json: { type: 'boolean' }, quick: { type: 'boolean' } },
      strict: true,
    })
    const counts = noCounts()
    const findings = inspect(readConfig(), counts, values.quick ?? false)
    return values.json ? printJson(findings, counts) : printLines(findings, counts)
  },
}

async function* inspect(config: Config, counts: Counts, quick: boolean): AsyncGenerator<Finding, void> {
  let isReadable = true
  for await (const finding of inspectBacking(config)) {
    yield finding
    if (fatal.has(finding.code)) isReadable = false
  }
  if (!isReadable) return
  const reached = await reachVault(config, [])
  if ('runningAt' in reached) {
    throw new VaultError('ledger.unavailable', {
      detail: `a vault is running on this data folder at ${reached.runningAt}; stop it, then check`,
    })
  }
  await using open = reached
  const stopProgress = showProgress(counts)
  try {
    yield* findProblems(open.vault, counts, quick)
  } finally {
    stopProgress()
  }
}

/** All that can be said of an open vault that does nothing meanwhile. */
export async function* findProblems(vault: Vault, counts: Counts, quick: boolean): AsyncGenerator<Finding, void> {
  for (const { problems } of await verifyLogs(vault.batches)) {
    for (const { problem: detail, ...where } of problems) yield { code: 'trail.broken', ...where, detail }
  }
  for (const part of await findRestored(vault)) yield { code: 'store.restored', detail: part }
  yield* checkRows(vault, { quick, signal: new AbortController().signal, counts })
}

async function printLines(findings: AsyncIterable<Finding>, counts: Counts): Promise<ExitCode> {
  let problems = 0
  for await (const finding of findings) {
    problems++
    print(lineOf(finding))
  }
  print(`${summaryOf(counts)}: ${problems === 0 ? 'everything holds together' : `${problems} problems`}`)
  return problems === 0 ? exit.ok : exit.refused
}

/** Written as it is found: the list may be long. */
async function printJson(findings: AsyncIterable<Finding>, counts: Counts): Promise<ExitCode> {
  let problems = 0
  for await (const finding of findings) {
    process.stdout.write(`${problems === 0 ? '{"problems":[' : ','}\n${JSON.stringify(finding)}`)
    problems++
  }
  if (problems === 0) process.stdout.write('{"problems":[')
  print(`],\n"counts":${JSON.stringify(counts)},\n"ok":${problems === 0}}`)
  return problems === 0 ? exit.ok : exit.refused
}

function lineOf({ code, detail, ...which }: Finding): string {
  const about = Object.entries(which).map(([name, value]) => `${name}=${value}`)
  return `${[code, ...about, ...(detail === undefined ? [] : [`(${detail})`])].join(' ')}: ${findingCodes[code]}`
}

function summaryOf({ stored, keys, blobs, reviews, entries, hashedBytes }: Counts): string {
  const hashed = hashedBytes === 0 ? '' : `, ${(hashedBytes / 1e6).toFixed(1)} MB hashed`
  return `${stored} papers, ${keys} wrapped keys, ${blobs} sealed bodies${hashed}, ${reviews} reviews, ${entries} entries`
}

/** For a person who waits at a terminal. @returns what ends it */
function showProgress(counts: Counts): () => void {
  if (!process.stderr.isTTY) return () => undefined
  const timer = setInterval(() => process.stderr.write(`\r${summaryOf(counts)} …`), progressEveryMs)
  return () => {
    clearInterval(timer)
    complain('')
  }
}
