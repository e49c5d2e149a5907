import { mkdir, readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { VaultError } from '../domain/errors.ts'
import { isBrokenOff } from './embedded-backup-mark.ts'
import { codeOf, translated } from './embedded-copies.ts'

export interface BackupPlaces {
  readonly dataDir: string
  readonly keysDir: string
  /** Made if it is not there; must be empty. */
  readonly to: string
}

/** @throws {VaultError} config.invalid - the target is not empty, or lies in a folder of the vault */
export async function requireTarget({ dataDir, keysDir, to }: BackupPlaces): Promise<void> {
  const refuse = (message: string) => {
    throw new VaultError('config.invalid', { problems: [{ field: '--to', message }] })
  }
  const [target, data, keys] = await translated(() => Promise.all([to, dataDir, keysDir].map(realOf)))
  for (const [folder, name] of [
    [data, 'data'],
    [keys, 'key'],
  ] as const) {
    if (isWithin(target ?? to, folder ?? '') || isWithin(folder ?? '', target ?? to)) {
      refuse(`lies in the ${name} folder, or around it`)
    }
  }
  await translated(() => mkdir(to, { recursive: true, mode: 0o700 }))
  if ((await translated(() => readdir(to))).length === 0) return
  const isRest = [join(to, 'data'), join(to, 'wrapped-keys')].some(isBrokenOff)
  refuse(isRest ? 'holds a backup that was broken off: delete it' : 'is not empty; each backup has a folder of its own')
}

/** The real path, also of a folder that is not there yet. */
async function realOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return join(await realOf(dirname(path)), basename(path))
  }
}

function isWithin(path: string, root: string): boolean {
  const from = relative(resolve(root), resolve(path))
  return from === '' || (from !== '..' && !from.startsWith(`..${sep}`) && !from.startsWith(sep))
}
