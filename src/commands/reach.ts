import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isHeldByAnother } from '../backing.ts'
import { type OpenVault, openVault } from '../compose.ts'
import type { Config } from '../config.ts'
import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { ProcessRole } from '../domain/process-role.ts'
import type { Vault } from '../guards/vault.ts'
import { complain, type ExitCode, exit, print } from './command.ts'
import { findServing } from './serving.ts'

/**
 * Opens the vault for one command, or says where the one that holds the data folder is running. On the production backing
 * nobody holds anything: a command is one more process beside the others.
 *
 * @param roles what the command has the rights of; none for one that only reads
 * @returns the vault, or where the running one can be reached
 * @throws {VaultError} ledger.unavailable - there is no vault, or another command holds it
 */
export async function reachVault(
  config: Config,
  roles: readonly ProcessRole[],
): Promise<OpenVault | { readonly runningAt: string }> {
  if (config.backing === 'production') return openVault({ ...config, logLevel: 'error' }, { roles })
  if (!existsSync(join(config.dataDir, 'ledger.sqlite'))) {
    throw new VaultError('ledger.unavailable', { detail: 'the data folder holds no vault: start it once with `serve`' })
  }
  try {
    return await openVault({ ...config, logLevel: 'error' }, { roles })
  } catch (error) {
    const serving = isHeldByAnother(error) ? await findServing(config.dataDir) : undefined
    if (!serving) throw error
    return { runningAt: serving.url }
  }
}

/**
 * Opens the vault of the data folder for a command that works beside no other.
 * @throws {VaultError} ledger.unavailable - there is no vault, or one is running: in words
 */
export async function openHere(config: Config, command: string, roles: readonly ProcessRole[]): Promise<OpenVault> {
  const reached = await reachVault(config, roles)
  if (!('runningAt' in reached)) return reached
  throw new VaultError('ledger.unavailable', {
    detail: `a vault is running on this data folder: stop it for ${command}`,
  })
}

/** @throws {VaultError} credential.invalid - not a credential in force */
export async function callerOf(vault: Vault, credential: string): Promise<Caller> {
  const caller = await vault.identity.identify(credential, `command-${vault.instance}`)
  if (!caller) throw new VaultError('credential.invalid')
  return caller
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly key: string
  readonly secondKey?: string | undefined
  readonly approval?: string | undefined
  /** Of requests that create something. */
  readonly idempotencyKey?: string
  readonly body?: unknown
}

/** Asks the running vault. @returns status and JSON of its answer */
export async function askRunning(
  url: string,
  { method, path, key, secondKey, approval, idempotencyKey, body }: HttpRequest,
): Promise<{ readonly status: number; readonly json: unknown }> {
  const headers = {
    Authorization: `Bearer ${key}`,
    ...(secondKey === undefined ? {} : { 'Vault-Second-Authorization': `Bearer ${secondKey}` }),
    ...(approval === undefined ? {} : { 'Vault-Approval': approval }),
    ...(idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey }),
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
  }
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      headers,
      signal: AbortSignal.timeout(30_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, json: await response.json() }
  } catch (error) {
    throw new VaultError('ledger.unavailable', { detail: `the running vault at ${url} does not answer` }, error)
  }
}

/** Prints a good answer as JSON, and of any other the code and the words it came with. */
export function printAnswer({ status, json }: { readonly status: number; readonly json: unknown }): ExitCode {
  if (status < 300) {
    print(JSON.stringify(json, undefined, 2))
    return exit.ok
  }
  const problem = typeof json === 'object' && json !== null ? json : {}
  const code = 'code' in problem ? String(problem.code) : `status ${status}`
  complain('detail' in problem ? `${code}: ${String(problem.detail)}` : code)
  return status >= 500 ? exit.unavailable : exit.refused
}
