import { parseArgs } from 'node:util'
import { listEpochs } from '../access/list-epochs.ts'
import { actAs, keyHelp } from './act-as.ts'
import type { Command } from './command.ts'

export const keysStatus: Command = {
  summary: 'show the epochs of your platform’s wrapping keys and what is next',
  help: [
    'Usage: keys status --key-file <file>',
    '',
    'Prints each epoch of your own platform as JSON: its state (active, former, disabled, ended), how many data keys are under',
    'it, who asked for another in its place, when each step was taken, what is next and from when. GET /v1/keys answers the same.',
    keyHelp,
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { 'key-file': { type: 'string' } }, strict: true })
    return actAs(values, { here: listEpochs, there: ask => ask({ method: 'GET', path: '/v1/keys' }) })
  },
}
