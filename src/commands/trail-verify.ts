import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { parseLogName } from '../domain/log-name.ts'
import { type LogReport, verifyLogs } from '../trail/verify.ts'
import { type Command, complain, exit, print } from './command.ts'
import { openHere } from './reach.ts'

export const trailVerify: Command = {
  summary: 'recompute every log of the trail from its stored bytes',
  help: [
    'Usage: trail verify [--owner <tenant>|_vault] [--json]',
    '',
    'Recomputes every leaf, root and link of every log, and says which intents have no outcome yet.',
    'It needs no API key and changes nothing. Stop the vault first. Exit code 1 when something does not hold.',
    '  --owner <name>  only the logs of one tenant, or of the vault itself (_vault)',
    '  --json          the reports as JSON',
  ].join('\n'),
  async run(args) {
    const options = { owner: { type: 'string' }, json: { type: 'boolean', default: false } } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    await using open = await openHere(readConfig(), '`trail verify`', [])
    const reports = await verifyLogs(open.vault.batches, values.owner === undefined ? {} : { owner: values.owner })
    if (values.json) print(JSON.stringify(reports, undefined, 2))
    else for (const report of reports) describe(report)
    if (reports.length === 0) complain('There is no such log.')
    const holds = reports.length > 0 && reports.every(({ problems }) => problems.length === 0)
    return holds ? exit.ok : exit.refused
  },
}

function describe({ log, entries, batches, root, problems, openGrants }: LogReport): void {
  const verdict = problems.length === 0 ? 'holds' : `DOES NOT HOLD: ${problems.length} problems`
  const after = (parseLogName(log)?.restored ?? 0) > 0 ? ', after a restored backup' : ''
  print(`${log}${after}: ${verdict}; ${entries} entries in ${batches} batches, root ${root}`)
  for (const { seq, index, problem } of problems) {
    print(`  batch ${seq}${index === undefined ? '' : `, entry ${index}`}: ${problem}`)
  }
  if (openGrants.length > 0) print(`  ${openGrants.length} intents without an outcome yet`)
}
