import { parseArgs } from 'node:util'
import { initBackingKeys } from '../backing.ts'
import { readConfig } from '../config.ts'
import { type Command, exit, print, UsageError } from './command.ts'

export const keysInit: Command = {
  summary: 'make the door’s secret of a production vault, wrapped under a KMS key',
  help: [
    'Usage: keys init --door-key <id|alias|arn>',
    '',
    'Makes the file that VAULT_KMS_DOOR_FILE names: 32 random bytes that KMS made and wrapped, and that nobody has seen. API',
    'keys, idempotency keys and cursors are hashed with them. Give the same file to every instance, and keep a copy: without',
    'it, or without the KMS key, every API key has to be made anew. A file that is there is never overwritten.',
    '  --door-key  a symmetric KMS key of its own; `serve` then needs the right to decrypt under it',
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { 'door-key': { type: 'string' } }, strict: true })
    const key = values['door-key'] ?? ''
    if (!/^[A-Za-z0-9:/_-]{1,2048}$/.test(key)) throw new UsageError('--door-key must name a KMS key.')
    const config = readConfig()
    await initBackingKeys(config, key)
    if (config.backing === 'production') print(`made ${config.kms.doorFile}`)
    return exit.ok
  },
}
