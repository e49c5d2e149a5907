import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const main = join(import.meta.dirname, '../../src/main.js')

/** The settings of a vault in a folder of the test's own, and nothing of this process's environment but the path. */
export function settingsIn(folder: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const dataDir = join(folder, 'data')
  return { VAULT_DATA_DIR: dataDir, VAULT_PORT: '0', VAULT_DISK_RESERVE_BYTES: '0', ...more }
}

export interface Ran {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs one command to its end. */
export async function runVault(args: readonly string[], settings: Readonly<Record<string, string>>): Promise<Ran> {
  return startVault(args, settings).ended
}

export interface SpawnedVault extends AsyncDisposable {
  readonly url: string
  readonly process: ChildProcess
  readonly ended: Promise<Ran>
}

/** Starts `serve` as a process of its own and waits for the line that it listens. It is killed when disposed of. */
export async function serveVault(
  settings: Readonly<Record<string, string>>,
  ...options: readonly string[]
): Promise<SpawnedVault> {
  const { child, ended } = startVault(['serve', ...options], settings)
  const url = await Promise.race([listeningUrl(child), ended.then(ran => Promise.reject(new Error(ran.stderr)))])
  return {
    url,
    process: child,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Starts one command, to be killed in its midst. */
export function startVault(args: readonly string[], settings: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [main, ...args], { env: settings, stdio: ['ignore', 'pipe', 'pipe'] })
  const out = { stdout: '', stderr: '' }
  child.stdout.on('data', chunk => {
    out.stdout += String(chunk)
  })
  child.stderr.on('data', chunk => {
    out.stderr += String(chunk)
  })
  const ended = once(child, 'close').then(([code, signal]): Ran => ({ code, signal, ...out }))
  return { child, ended }
}

async function listeningUrl(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the child has no output')
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (http:\/\/\S+)$/.exec(line)?.[1]
    if (url !== undefined) return url
  }
  throw new Error('the vault ended without listening')
}
