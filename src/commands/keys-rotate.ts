import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { rotateKey } from '../upkeep/rotate-key.ts'
import { type Command, complain, exit, print, UsageError } from './command.ts'
import { readSecretLine } from './private-file.ts'
import { callerOf, openHere } from './reach.ts'

const options = { 'key-file': { type: 'string' }, 'second-key-file': { type: 'string' } } as const

export const keysRotate: Command = {
  summary: 'begin a new epoch of the key that wraps papers’ keys; needs a second person',
  help: [
    'Usage: keys rotate --key-file <file> --second-key-file <file>',
    '',
    'Makes a new wrapping key, under which everything new is wrapped from then on, for every platform that shares the key',
    'before. What is stored is wrapped anew by `keys rewrap` or by the running vault; a day later, at the earliest, the old',
    'key comes to its end, and with it every copy of a data key that it wrapped, wherever it lies. Stop an embedded vault',
    'first. On KMS this process needs the operator’s rights: see `keys init --policies-only`, role rotate.',
    '  --key-file <file>         the API key you act as (dpo, legal or admin), one line, mode 0600',
    '  --second-key-file <file>  the API key of the second person, who stands beside you',
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const [keyFile, secondFile] = [values['key-file'], values['second-key-file']]
    if (keyFile === undefined || secondFile === undefined) {
      throw new UsageError('--key-file and --second-key-file name the API keys of two persons.')
    }
    const [key, secondKey] = [await readSecretLine(keyFile), await readSecretLine(secondFile)]
    const config = readConfig()
    await using open = await openHere(config, '`keys rotate`', ['access', 'keys'])
    const { vault } = open
    const [caller, second] = [await callerOf(vault, key), await callerOf(vault, secondKey)]
    print(JSON.stringify(await rotateKey(vault, caller, { second })))
    complain('What is stored is under the former key still: run `keys rewrap`, or let the running vault do it.')
    return exit.ok
  },
}
