import { readFile } from 'node:fs/promises'
import { flushCompileCache, getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { FirstKey } from '../access/first-keys.ts'
import { type OpenVault, openVault } from '../compose.ts'
import { type Config, type EmbeddedConfig, shareCompiledCode } from '../config.ts'
import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { PersonId } from '../domain/ids.ts'
import type { ProcessRole } from '../domain/process-role.ts'
import { observe } from '../guards/admit.ts'
import { closePending } from '../guards/late-outcomes.ts'
import type { Vault } from '../guards/vault.ts'
import type { OpenDoor } from '../http/server.ts'
import type { Runner } from '../jobs/runner.ts'
import { countRefusals } from '../upkeep/count-refusals.ts'
import { type Command, complain, type ExitCode, exit, print } from './command.ts'
import { firstKeysPath, keepFirstKeys } from './first-keys-file.ts'
import { rolesFrom } from './roles.ts'
import { announce, withdraw } from './serving.ts'
import { exitOnDefect, stopSignal } from './signals.ts'
import { warnOfTenants } from './tenant-warnings.ts'
import { readWholeConfig } from './whole-config.ts'

// An `import` of `node:util` asks for each of its exports, and some of them load much for that.
const { parseArgs } = process.getBuiltinModule('node:util')
const stopWithinMs = 10_000

export const serve: Command = {
  summary: 'run the vault until SIGTERM or SIGINT',
  help: [
    'Usage: serve [--as intake|access|jobs|keys]…',
    '',
    'Opens the data folder and the key file, making both at the first start (or MongoDB, S3 and KMS, which `migrate`,',
    '`keys init` and `caller bootstrap` have prepared), listens, and prints',
    '`listening on http://<host>:<port>` once it answers. Logs go to standard error. SIGTERM and SIGINT end it',
    'within 10 s (exit code 0); a second one ends it at once. Settings come from the environment: see `help`.',
    '  --as <roles>  what this process is for, several with commas or by repeating; everything when absent. It opens, holds',
    '                and serves what these roles need, and nothing else: intake takes papers and events in and opens none,',
    '                access opens them and can neither make nor destroy one, jobs destroys and has no key, keys wraps data',
    '                keys anew and sees none.',
  ].join('\n'),
  async run(args) {
    const options = { as: { type: 'string', multiple: true } } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const roles = rolesFrom(values.as)
    const config = await readWholeConfig(roles)
    const compiled = getCompileCacheDir()
    if (compiled !== undefined) shareCompiledCode(dirname(compiled))
    return runUntilStopped(config, roles)
  },
}

async function runUntilStopped(config: Config, roles: readonly ProcessRole[]): Promise<ExitCode> {
  const stopping = stopSignal()
  const opening = openVault(config, { roles })
  // Loading keeps this thread busy, so it begins a turn later, when the stores' own threads and connections are under way.
  const doorModule = setImmediate().then(() => import('../http/server.ts'))
  void Promise.allSettled([doorModule])
  await using open = await opening
  const { vault, restored } = open
  exitOnDefect(vault.log)
  if (restored.length > 0) return serveRefusals(open, config, roles, stopping, await doorModule)
  if (config.backing === 'embedded') await makeFirstKeysIfNone(vault, config)
  await record(vault, 'instance.start', roles)
  const { openDoor } = await doorModule
  const door = await listen(() => openVaultDoor(openDoor, vault, config, roles))
  if (config.backing === 'embedded') await announce(config.dataDir, { url: door.url, pid: process.pid })
  print(`listening on ${door.url}`)
  vault.log.info('listening', { port: door.port, pid: process.pid })
  warnOfTenants(vault.tenants, vault.log)
  if (door.metricsUrl !== undefined) complain(`metrics on ${door.metricsUrl}`)
  const runner = await startJobsOf(vault, roles, door.jobs)
  void loadTheRest(open, door)

  const signal = await stopping
  vault.log.info('stopping', { signal })
  endLate(vault)
  await Promise.all([door.stop(), runner.stop()])
  if (config.backing === 'embedded') await withdraw(config.dataDir)
  await closePending(vault)
  await leaveOnRecord(vault, roles)
  vault.log.info('stopped')
  return exit.ok
}

/** Says to whoever asks what is the matter; no job runs, and nothing is put on record, until `restore-check` was run. */
async function serveRefusals(
  { vault, restored }: OpenVault,
  config: Config,
  roles: readonly ProcessRole[],
  stopping: Promise<string>,
  { openDoor }: typeof import('../http/server.ts'),
): Promise<ExitCode> {
  vault.log.error('vault restored: run restore-check', { code: 'vault.restored' })
  const door = await listen(() => openVaultDoor(openDoor, vault, config, roles, true))
  complain(
    `This vault was restored from a backup (${restored.join(', ')}): papers that were destroyed since may be back.`,
  )
  complain('It answers nothing. Stop it, run `restore-check`, and start it again.')
  print(`listening on ${door.url}`)
  await stopping
  await door.stop()
  return exit.ok
}

async function openVaultDoor(
  openDoor: typeof import('../http/server.ts').openDoor,
  vault: Vault,
  config: Config,
  roles: readonly ProcessRole[],
  restored = false,
): Promise<OpenDoor> {
  const { host, port, metricsPort, uploadBudgetBytes, maxConnections } = config
  const version = await versionOfProject()
  const metrics = metricsPort === undefined ? {} : { metricsPort }
  return openDoor(vault, { host, port, ...metrics, uploadBudgetBytes, maxConnections, roles, restored, version })
}

/**
 * All code of the process is loaded within its first moments, so that no request waits for it and none meets files of another
 * version later; what cannot be loaded is a defect, and ends the process.
 */
async function loadTheRest(open: OpenVault, door: OpenDoor): Promise<void> {
  await door.load()
  await open.warm()
  flushCompileCache()
}

/** Loaded once the vault answers: the first of them is due seconds later. */
async function startJobsOf(vault: Vault, roles: readonly ProcessRole[], counts: OpenDoor['jobs']): Promise<Runner> {
  const [{ startJobs }, { jobsOf }] = await Promise.all([import('../jobs/runner.ts'), import('../jobs/jobs.ts')])
  return startJobs(vault, jobsOf(roles), counts)
}

async function listen(open: () => Promise<OpenDoor>): Promise<OpenDoor> {
  try {
    return await open()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL' || code === 'EACCES' || code === 'ENOTFOUND') {
      const problems = [{ field: 'VAULT_HOST, VAULT_PORT', message: `cannot be listened on (${code})` }]
      throw new VaultError('config.invalid', { problems }, error)
    }
    throw error
  }
}

async function makeFirstKeysIfNone(vault: Vault, config: EmbeddedConfig): Promise<void> {
  const { makeFirstKeys } = await import('../access/first-keys.ts')
  const made = await makeFirstKeys(vault, keys => keepFirstKeys(config.keysDir, keys))
  if (made.length === 0) return
  vault.log.info('first keys made', { count: made.length })
  if (process.stdout.isTTY) showFirstKeys(made, firstKeysPath(config.keysDir))
}

/** Only to a person at a terminal: a pipe ends in a log. */
function showFirstKeys(made: readonly FirstKey[], path: string): void {
  print(`API keys, shown this once and kept in ${path}:`)
  for (const { tenant, role, key } of made) print(`  ${tenant.padEnd(14)} ${role.padEnd(16)} ${key}`)
}

async function record(
  vault: Vault,
  action: 'instance.start' | 'instance.stop',
  as: readonly ProcessRole[],
): Promise<void> {
  const caller: Caller = {
    kind: 'service',
    id: 'vault' as PersonId,
    tenant: undefined,
    roles: ['system'],
    auth: 'system',
    credential: 'process',
    requestId: `process-${vault.instance}`,
  }
  await observe(vault, caller, { action, resource: { known: true }, detail: { node: process.versions.node, as } })
}

/** The stop itself must not fail on a trail that cannot be written: what is lost is the stop's own entry, and it is logged. */
async function leaveOnRecord(vault: Vault, roles: readonly ProcessRole[]): Promise<void> {
  try {
    await countRefusals(vault, true)
    await record(vault, 'instance.stop', roles)
  } catch (error) {
    vault.log.error('stop not on record', { code: error instanceof VaultError ? error.code : 'unexpected' })
  }
}

function endLate(vault: Vault): void {
  const timer = setTimeout(() => {
    vault.log.error('stop took too long')
    process.exit(exit.defect)
  }, stopWithinMs)
  timer.unref()
}

async function versionOfProject(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const found: unknown = JSON.parse(text)
  const version = typeof found === 'object' && found !== null && 'version' in found ? found.version : undefined
  return typeof version === 'string' ? version : '0.0.0'
}
