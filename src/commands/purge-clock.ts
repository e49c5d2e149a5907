import { parseArgs } from 'node:util'
import { confirmClock } from '../retention/confirm-clock.ts'
import { actAs, personsHelp, personsOptions } from './act-as.ts'
import type { Command } from './command.ts'

export const purgeConfirmClock: Command = {
  summary: 'say that this machine’s clock is right; needs a second person',
  help: [
    'Usage: purge confirm-clock --key-file <file> --second-key-file <file> | --approval <id>',
    '',
    'After a leap of the clock, or a long stop, nothing is destroyed until two people of a platform compared it with another and',
    'confirm it: it is trusted from now on, and for a day whatever the database’s clock says. Set a wrong clock right first.',
    ...personsHelp,
    '                            for purge-clock',
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: personsOptions, strict: true })
    return actAs(values, {
      here: confirmClock,
      there: ask => ask({ method: 'POST', path: '/v1/purge-clock/confirmation' }),
    })
  },
}
