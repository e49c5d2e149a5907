import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Whether any file below the folder holds these bytes. */
export function isSomewhere(folder: string, bytes: Uint8Array): boolean {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .some(({ parentPath, name }) => readFileSync(join(parentPath, name)).includes(bytes))
}
