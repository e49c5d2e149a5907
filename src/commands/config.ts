import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { type Command, exit, print } from './command.ts'
import { describeConfig } from './describe-config.ts'

export const showConfig: Command = {
  summary: 'print every setting in force; secrets show as [set]',
  help: 'Usage: config\n\nPrints every setting in force, or every problem of the environment (exit code 2).',
  async run(args) {
    parseArgs({ args: [...args], options: {}, strict: true })
    for (const [name, value] of Object.entries(describeConfig(readConfig()))) print(`${name}=${value}`)
    return exit.ok
  },
}
