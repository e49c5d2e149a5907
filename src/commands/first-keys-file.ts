import { join } from 'node:path'
import type { FirstKey } from '../access/first-keys.ts'
import { readIfThere, writePrivate } from './private-file.ts'

const note =
  'API keys of the first start. Hand each to its person, then delete this file. Nothing else keeps their text.'

export function firstKeysPath(keysDir: string): string {
  return join(keysDir, 'first-keys.json')
}

/**
 * Keeps the keys beside the key file (0600). Keys that are there stay, but for those of a person who got a new one; the file
 * is whole before the first of them can be needed.
 */
export async function keepFirstKeys(keysDir: string, made: readonly FirstKey[]): Promise<void> {
  const path = firstKeysPath(keysDir)
  const known = keysIn(await readIfThere(path))
  const keys = new Map([...known, ...made].map(key => [key.person, key]))
  await writePrivate(path, `${JSON.stringify({ note, keys: [...keys.values()] }, undefined, 2)}\n`)
}

function keysIn(text: string | undefined): readonly FirstKey[] {
  if (text === undefined) return []
  const found: unknown = JSON.parse(text)
  const keys = typeof found === 'object' && found !== null && 'keys' in found ? found.keys : []
  return Array.isArray(keys) ? (keys as readonly FirstKey[]) : []
}
