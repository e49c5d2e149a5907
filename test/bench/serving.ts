import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/main.js', import.meta.url))

/** As `npm start` and the image give it to Node. */
export const startFlags = ['--initial-heap-size=256'] as const

/** A server in a process of its own; it goes, with its folder, when disposed of. */
export interface Serving extends AsyncDisposable {
  readonly url: string
  readonly pid: number
}

export interface ServingVault extends Serving {
  /** The first key of a tenant's role. */
  key(tenant: string, role: string): string
}

/** What a vault of the bench is told; everything else is as it ships, its log at `info` included. */
const settings = {
  VAULT_PORT: '0',
  VAULT_READ_BUDGET: '1000000',
}

/** The vault as an operator starts it. `flags` are Node's own, for a profile. */
export async function serveVault(flags: readonly string[] = []): Promise<ServingVault> {
  const folder = mkdtempSync(join(tmpdir(), 'vault-bench-'))
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('VAULT_'))
  const env = { ...Object.fromEntries(others), ...settings, VAULT_DATA_DIR: join(folder, 'data') }
  const serving = await serve([...startFlags, ...flags, main, 'serve'], folder, env)
  return {
    ...serving,
    key: (tenant, role) => {
      const text = readFileSync(join(folder, 'data-keys', 'first-keys.json'), 'utf8')
      const { keys } = JSON.parse(text) as { keys: readonly { tenant: string; role: string; key: string }[] }
      const found = keys.find(key => key.tenant === tenant && key.role === role)
      if (!found) throw new Error(`${tenant} has no first key for ${role}`)
      return found.key
    },
  }
}

/** The vault on the backing that `settings` name; what it needs is prepared. */
export function serveProduction(settings: Readonly<Record<string, string>>): Promise<Serving> {
  const folder = mkdtempSync(join(tmpdir(), 'vault-bench-'))
  return serve([...startFlags, main, 'serve'], folder, { ...settings, VAULT_READ_BUDGET: '1000000' })
}

/** A peer: `name` is its file below `peers/`, which gets its folder and `args`, and prints the same line as the vault. */
export async function servePeer(name: string, ...args: readonly string[]): Promise<Serving & { folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'vault-peer-'))
  const program = fileURLToPath(new URL(`peers/${name}.ts`, import.meta.url))
  return { ...(await serve([program, folder, ...args], folder, process.env)), folder }
}

async function serve(args: readonly string[], folder: string, env: NodeJS.ProcessEnv): Promise<Serving> {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const url = await urlOf(child)
    return { url, pid: child.pid ?? 0, [Symbol.asyncDispose]: () => end(child, folder) }
  } catch (error) {
    await end(child, folder)
    throw error
  }
}

async function urlOf(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('no standard output')
  for await (const line of createInterface({ input: child.stdout, signal: AbortSignal.timeout(30_000) })) {
    const found = /^listening on (http:\/\/\S+)$/.exec(line)
    if (found?.[1]) return found[1]
  }
  throw new Error('a server ended before it listened')
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 15_000)
    await ended
    clearTimeout(late)
  }
  rmSync(folder, { recursive: true, force: true })
}
