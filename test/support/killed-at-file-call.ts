import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import sqlite from 'node:sqlite'
import { isMainThread } from 'node:worker_threads'

/**
 * Loaded before a command (`NODE_OPTIONS=--import`): the process kills itself before the nth call that touches a file below a
 * folder, and tells on standard error how many there were when it is not killed. `VAULT_TEST_BELOW` names the folder,
 * `VAULT_TEST_KILL_AT` is n, 0 for never. Copying a database is a call, and so is what comes after it.
 */
const { VAULT_TEST_BELOW: below = '/nowhere', VAULT_TEST_KILL_AT: killAt = '0' } = process.env
let calls = 0

function count(args: readonly unknown[]): void {
  if (!args.some(arg => typeof arg === 'string' && arg.startsWith(below))) return
  if (++calls === Number(killAt)) process.kill(process.pid, 'SIGKILL')
}

if (isMainThread) {
  const watched = files as unknown as Record<string, (...args: unknown[]) => unknown>
  for (const name of ['mkdir', 'open', 'copyFile', 'writeFile', 'readdir', 'lstat', 'rm', 'realpath']) {
    const real = watched[name]
    watched[name] = (...args) => {
      count(args)
      return real?.(...args)
    }
  }
  const { backup } = sqlite
  sqlite.backup = async (source, path, options) => {
    count([path])
    const pages = await backup(source, path, options)
    count([path])
    return pages
  }
  syncBuiltinESMExports()
  process.once('exit', () => process.stderr.write(`${calls} calls\n`))
}
