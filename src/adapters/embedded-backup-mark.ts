import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { VaultError } from '../domain/errors.ts'
import { syncFolder } from './embedded-copies.ts'

/** A folder with this file is part of a backup that was broken off; it goes along wherever the folder is copied. */
const mark = 'backup-not-finished'

/** Makes the folder, with the mark in it on the disk before anything else is. */
export async function beginCopy(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 })
  await writeFile(join(folder, mark), '', { mode: 0o600, flush: true })
  for (const one of [folder, dirname(folder)]) await syncFolder(one)
}

/** Takes the mark away; to be called when all that is in the folder is whole, and on the disk. */
export async function endCopy(folder: string): Promise<void> {
  await rm(join(folder, mark))
  await syncFolder(folder)
}

/** Whether the folder is, or was made of, a backup that was broken off. */
export function isBrokenOff(folder: string): boolean {
  return existsSync(join(folder, mark))
}

/** @throws {VaultError} config.invalid - the data folder was made of a backup that was broken off: rows, keys or trail may be missing */
export function requireWholeCopy(dataDir: string): void {
  if (!isBrokenOff(dataDir)) return
  const message = `is a backup that was broken off (${mark}): restore one with a backup.json`
  throw new VaultError('config.invalid', { problems: [{ field: 'VAULT_DATA_DIR', message }] })
}
