import { parseArgs } from 'node:util'
import { makeFirstKeys } from '../access/first-keys.ts'
import { readConfig } from '../config.ts'
import { type Command, complain, exit, print, UsageError } from './command.ts'
import { readIfThere, writePrivate } from './private-file.ts'
import { openHere } from './reach.ts'

const leaseMs = 60_000
const note = 'First API keys. Hand each to its person, then delete this file. Nothing else keeps their text.'

export const callerBootstrap: Command = {
  summary: 'make the first API keys of a production vault, once',
  help: [
    'Usage: caller bootstrap --out <file>',
    '',
    'Makes one API key for each tenant and role, each for a person of its own, and writes them to a new file (0600). Tenants',
    'that have a key already get none: from then on keys are made by two persons, with `caller add`.',
    '  --out <file>  where the keys go; a file that is there is never overwritten',
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { out: { type: 'string' } }, strict: true })
    const out = values.out ?? ''
    if (out === '') throw new UsageError('--out names the file the keys are written to.')
    if ((await readIfThere(out)) !== undefined) throw new UsageError(`${out} is there already.`)
    const config = readConfig()
    if (config.backing === 'embedded')
      throw new UsageError('An embedded vault makes its first keys at its first start.')
    await using open = await openHere(config, '`caller bootstrap`', ['access'])
    const { vault } = open
    const fence = await vault.ledger.takeLease('bootstrap', vault.instance, vault.clock.nowMs(), leaseMs)
    if (fence === undefined) {
      complain('Another bootstrap is under way, or ended less than a minute ago.')
      return exit.unavailable
    }
    const made = await makeFirstKeys(vault, keys =>
      writePrivate(out, `${JSON.stringify({ note, keys }, undefined, 2)}\n`),
    )
    await vault.ledger.dropLease('bootstrap', vault.instance)
    if (made.length === 0) {
      complain('Every tenant has keys already: `caller add` makes more.')
      return exit.refused
    }
    print(`wrote ${made.length} keys to ${out}`)
    return exit.ok
  },
}
