import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { listEpochs } from '../upkeep/list-epochs.ts'
import { type Command, exit, print, UsageError } from './command.ts'
import { readSecretLine } from './private-file.ts'
import { callerOf, openHere } from './reach.ts'

export const keysStatus: Command = {
  summary: 'show the epochs of your platform’s wrapping keys and what is next',
  help: [
    'Usage: keys status --key-file <file>',
    '',
    'Prints each epoch of your own platform as JSON: its state (active, former, disabled, ended), how many data keys are under',
    'it, when each step was taken, what is next and from when. Stop an embedded vault first.',
    '  --key-file <file>  the API key you act as (dpo, legal, auditor or admin), one line, mode 0600',
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { 'key-file': { type: 'string' } }, strict: true })
    const keyFile = values['key-file']
    if (keyFile === undefined) throw new UsageError('--key-file names the API key you act as.')
    const key = await readSecretLine(keyFile)
    await using open = await openHere(readConfig(), '`keys status`', ['access'])
    const { vault } = open
    print(JSON.stringify(await listEpochs(vault, await callerOf(vault, key)), undefined, 2))
    return exit.ok
  },
}
