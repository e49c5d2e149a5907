import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/main.js', import.meta.url))
const startWithinMs = 30_000
const stopWithinMs = 15_000

/** A vault as a stranger starts it: its own process, a new folder, a free port. It goes, with its folder, when disposed of. */
export interface RunningVault extends Disposable {
  readonly url: string
  /** Holds `data` and `data-keys`. */
  readonly folder: string
  /** The first key of a tenant's role. */
  key(tenant: string, role: string): string
  /** Ends it by SIGTERM. @returns its exit code */
  stop(): Promise<number | null>
  /** Runs one command of the command line on the same folders. */
  command(...args: readonly string[]): { readonly code: number | null; readonly text: string }
}

/** Resolves when the vault listens. */
export async function startVault(): Promise<RunningVault> {
  const folder = mkdtempSync(join(tmpdir(), 'vault-tour-'))
  const environment = environmentOf(join(folder, 'data'))
  const child = spawn(process.execPath, [main, 'serve'], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const url = await urlOf(child)
    return {
      url,
      folder,
      key: (tenant, role) => firstKey(folder, tenant, role),
      stop: () => stop(child),
      command: (...args) => {
        const ended = spawnSync(process.execPath, [main, ...args], { env: environment, encoding: 'utf8' })
        return { code: ended.status, text: `${ended.stdout}${ended.stderr}`.trim() }
      },
      [Symbol.dispose]: () => discard(child, folder),
    }
  } catch (error) {
    discard(child, folder)
    throw error
  }
}

/** What the caller of the tour has set for a vault of theirs must not reach this one. */
function environmentOf(dataDir: string): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('VAULT_'))
  return { ...Object.fromEntries(others), VAULT_PORT: '0', VAULT_DATA_DIR: dataDir, VAULT_LOG_LEVEL: 'error' }
}

async function urlOf(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('no standard output')
  const signal = AbortSignal.timeout(startWithinMs)
  for await (const line of createInterface({ input: child.stdout, signal })) {
    const found = /^listening on (http:\/\/\S+)$/.exec(line)
    if (found?.[1]) return found[1]
  }
  throw new Error(`the vault ended with ${child.exitCode ?? child.signalCode} before it listened`)
}

function firstKey(folder: string, tenant: string, role: string): string {
  const text = readFileSync(join(folder, 'data-keys', 'first-keys.json'), 'utf8')
  const { keys } = JSON.parse(text) as { readonly keys: readonly { tenant: string; role: string; key: string }[] }
  const found = keys.find(key => key.tenant === tenant && key.role === role)
  if (!found) throw new Error(`${tenant} has no first key for ${role}`)
  return found.key
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode
  const ended = once(child, 'exit', { signal: AbortSignal.timeout(stopWithinMs) })
  child.kill('SIGTERM')
  await ended
  return child.exitCode
}

function discard(child: ChildProcess, folder: string): void {
  if (child.exitCode === null) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}
