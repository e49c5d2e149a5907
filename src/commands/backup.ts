import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { backUpBacking } from '../backing.ts'
import { type Config, readConfig } from '../config.ts'
import type { Caller } from '../domain/caller.ts'
import type { PersonId } from '../domain/ids.ts'
import { observe } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { type Command, complain, exit, print, UsageError } from './command.ts'
import { reachVault } from './reach.ts'

export const backup: Command = {
  summary: 'copy an embedded vault, running or not, and hold the copy together',
  help: [
    'Usage: backup --to <folder> [--json]',
    '',
    'Copies rows, wrapped keys, sealed bodies and trail, in that order, into a new or empty folder, then opens the copy and',
    'checks it. The vault may go on serving. Papers that are stored while it runs are not part of it.',
    '  <folder>/data          rows, sealed bodies, trail',
    '  <folder>/wrapped-keys  the wrapped keys: keep this folder apart, and no longer than the tenants’ `keyBackupDays`, since',
    '                         what is erased today can be opened with it until it is gone',
    '  <folder>/backup.json   what the copy holds; written last, so a copy without it is none',
    'Not copied: the key folder. Without it the copy opens nothing: keep it in a place of its own, and never put an older',
    '`destroyed.list` or `destroyed.head` back. How to restore: infra/runbooks/backup-and-restore.md.',
    '  --json  what the copy holds as JSON',
    '',
    'Exit codes: 0 the copy is whole, 2 wrong use or settings, 3 there is no copy: why is said in words.',
  ].join('\n'),
  async run(args) {
    const options = { to: { type: 'string' }, json: { type: 'boolean' } } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    if (values.to === undefined || values.to === '') throw new UsageError('--to is missing.')
    const config = readConfig()
    await using reached = await holdIfStopped(config)
    if (reached)
      await observe(reached.vault, backupCaller(reached.vault), { action: 'backup.take', resource: { known: true } })
    else complain('The vault is running: it is copied as it serves. This backup is not on its record.')
    const facts = await backUpBacking(config, resolve(values.to), showProgress())
    if (process.stderr.isTTY) complain('')
    if (values.json) print(JSON.stringify({ to: resolve(values.to), ...facts }, undefined, 2))
    else {
      const { papers, wrappedKeys, bodies, entries, bytes } = facts
      const size = `${(bytes / 1e6).toFixed(1)} MB`
      print(`${papers} papers, ${wrappedKeys} wrapped keys, ${bodies} sealed bodies, ${entries} entries, ${size}`)
      print('the copy is whole; the key folder is not in it')
    }
    return exit.ok
  },
}

/** A vault that is not running is held, so that none starts meanwhile, and its trail tells of the backup. */
async function holdIfStopped(config: Config) {
  if (config.backing === 'production') return undefined
  const reached = await reachVault(config, ['jobs'])
  return 'runningAt' in reached ? undefined : reached
}

function backupCaller({ instance }: Vault): Caller {
  return {
    kind: 'job',
    id: 'vault-backup' as PersonId,
    tenant: undefined,
    roles: ['system'],
    auth: 'system',
    credential: 'backup',
    requestId: `backup-${instance}`,
  }
}

/** For a person who waits at a terminal. */
function showProgress(): (what: string, done: number, total: number) => void {
  if (!process.stderr.isTTY) return () => undefined
  return (what, done, total) => process.stderr.write(`\r${what}: ${done} of ${total}        `)
}
