import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** Reads every file below the folder now; the answer tells which of them hold a text, as bytes of UTF-8 or UTF-16. */
export async function holders(folder: string): Promise<(text: string) => Promise<readonly string[]>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = await Promise.all(
    names
      .filter(entry => entry.isFile())
      .map(async entry => {
        const path = join(entry.parentPath, entry.name)
        return { name: relative(folder, path), bytes: await readFile(path) }
      }),
  )
  return async text =>
    files
      .filter(({ bytes }) => bytes.includes(text) || bytes.includes(Buffer.from(text, 'utf16le')))
      .map(({ name }) => name)
}
