import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { median, type Options, type Row, shown } from './row.ts'
import { startFlags } from './serving.ts'

const top = fileURLToPath(new URL('../..', import.meta.url))
/** What a bare Node takes on the machine that the figures were set on; a slower one gets as much more time. */
const bareOfReference = 60

/**
 * `start`: from the start of the process to `listening on`. The first start has an empty data folder and a copy of the sources
 * that was never compiled; the second finds both as the first left them.
 */
export async function benchStart({ rounds, progress }: Options): Promise<readonly Row[]> {
  const [bare, first, second]: [number[], number[], number[]] = [[], [], []]
  for (let round = 0; round < rounds; round++) {
    await using copy = await freshCopy()
    bare.push(await untilEnd())
    first.push(await untilListening(copy.path))
    second.push(await untilListening(copy.path))
    progress(`start, round ${round + 1} of ${rounds}`)
  }
  const notes = [
    `bare node ${shown(median(bare))} ms`,
    `first ${shown(median(first))} ms`,
    `second ${shown(median(second))} ms`,
  ]
  const row = (name: string, values: readonly number[], withinMs: number): Row => ({
    bench: 'start',
    name,
    unit: 'x',
    ask: { bound: 'at most', value: withinMs / bareOfReference },
    values: values.map((ms, i) => ms / (bare[i] ?? Number.NaN)),
    notes,
  })
  return [row('first start / bare node', first, 600), row('second start / bare node', second, 300)]
}

async function untilEnd(): Promise<number> {
  const startedMs = performance.now()
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit')
  return performance.now() - startedMs
}

async function untilListening(copy: string): Promise<number> {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('VAULT_'))
  const env = { ...Object.fromEntries(others), VAULT_PORT: '0', VAULT_DATA_DIR: join(copy, 'data') }
  const startedMs = performance.now()
  const child = spawn(process.execPath, [...startFlags, join(copy, 'src/main.js'), 'serve'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(child, 'exit')
  let takenMs: number | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('listening on ')) continue
    takenMs = performance.now() - startedMs
    // Compiled code is kept once everything is loaded; then it may end.
    setTimeout(() => child.kill('SIGTERM'), 1_500)
  }
  await ended
  if (takenMs === undefined) throw new Error('the vault ended before it listened')
  return takenMs
}

/** The project's sources in a folder of their own, with the same packages. */
async function freshCopy(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'vault-start-'))
  await cp(join(top, 'src'), join(path, 'src'), { recursive: true })
  await cp(join(top, 'infra/tenants'), join(path, 'infra/tenants'), { recursive: true })
  await cp(join(top, 'package.json'), join(path, 'package.json'))
  await symlink(join(top, 'node_modules'), join(path, 'node_modules'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
