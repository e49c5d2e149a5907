import { parseArgs } from 'node:util'
import { migrateBacking } from '../backing.ts'
import { readConfig } from '../config.ts'
import { type Command, exit, print } from './command.ts'

export const migrate: Command = {
  summary: 'bring the databases of a production vault to the form this version reads',
  help: [
    'Usage: migrate',
    '',
    'Makes the collections and indexes that are missing in both databases, and notes their form. Run it before the first',
    'start and before the first instance of a new version; repeating it, or running it from several places at once, is',
    'harmless. Its database user needs the right to make indexes; `serve` needs it no more.',
  ].join('\n'),
  async run(args) {
    parseArgs({ args: [...args], options: {}, strict: true })
    for (const { database, from, to } of await migrateBacking(readConfig())) {
      print(from === to ? `${database}: form ${to}, as it was` : `${database}: form ${from} to ${to}`)
    }
    return exit.ok
  },
}
