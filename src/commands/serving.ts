import { join } from 'node:path'
import { readIfThere, removeIfThere, writePrivate } from './private-file.ts'

/** Where the vault that holds a data folder can be reached. */
export interface Serving {
  readonly url: string
  readonly pid: number
}

const pathIn = (dataDir: string): string => join(dataDir, 'serving.json')

export async function announce(dataDir: string, serving: Serving): Promise<void> {
  await writePrivate(pathIn(dataDir), `${JSON.stringify(serving)}\n`)
}

export async function withdraw(dataDir: string): Promise<void> {
  await removeIfThere(pathIn(dataDir))
}

/** Believe it only while the data folder is held: a process that was killed leaves its own behind. */
export async function findServing(dataDir: string): Promise<Serving | undefined> {
  const text = await readIfThere(pathIn(dataDir))
  if (text === undefined) return undefined
  const found: unknown = JSON.parse(text)
  if (typeof found !== 'object' || found === null || !('url' in found) || !('pid' in found)) return undefined
  const { url, pid } = found
  return typeof url === 'string' && typeof pid === 'number' ? { url, pid } : undefined
}
