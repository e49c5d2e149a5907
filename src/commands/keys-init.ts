import { parseArgs } from 'node:util'
import { initBackingKeys } from '../backing.ts'
import { readConfig } from '../config.ts'
import { type Command, exit, print, UsageError } from './command.ts'

const options = { 'door-key': { type: 'string' }, 'policies-only': { type: 'boolean' } } as const

export const keysInit: Command = {
  summary: 'make or adopt the keys of a production vault, and print the rights each process needs',
  help: [
    'Usage: keys init [--door-key <alias>] [--policies-only]',
    '',
    'Makes what is missing of the keys that the settings name by an alias (documents, blind index, the door), adopts what is',
    'there, and makes the file that VAULT_KMS_DOOR_FILE names: 32 random bytes that KMS made and wrapped, and that nobody has',
    'seen. API keys, idempotency keys and cursors are hashed with them: give the same file to every instance, and keep a copy.',
    'It may be repeated; nothing that is there is changed, but for the vault’s tags on its keys. Then it prints, as JSON, the',
    'keys by their ARN and the least rights of each role at KMS, S3 and MongoDB: upload (serve --as intake), read (access),',
    'purge (jobs), rewrap (keys), and of the operator’s hand rotate (`keys rotate`) and retire (`keys rewrap --retire`).',
    'Print them anew after each `keys rotate`: they name exact keys.',
    '  --door-key       the symmetric key of its own that wraps the door’s secret; needed while there is no door file',
    '  --policies-only  make nothing; everything must be there',
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const doorKey = values['door-key']
    if (doorKey !== undefined && !/^[A-Za-z0-9:/_-]{1,2048}$/.test(doorKey)) {
      throw new UsageError('--door-key must name a KMS key.')
    }
    const policiesOnly = values['policies-only'] ?? false
    const inited = await initBackingKeys(readConfig(), { doorKey, policiesOnly })
    print(JSON.stringify(inited, undefined, 2))
    return exit.ok
  },
}
