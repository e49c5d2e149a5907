import { randomBytes } from 'node:crypto'
import { type FileKey, type Keyfile, KeyfileProblem, type KeyState, keyStates } from './keyfile-format.ts'

/** The file after a flip: a new key wraps documents, and the one before only opens. */
export function withNewDocsKey({ gen, keys }: Keyfile, created: string): Keyfile & { readonly made: FileKey } {
  const numbers = keys.filter(isDocs).map(({ id }) => Number(id.slice('docs/'.length)))
  const id = `docs/${Math.max(...numbers) + 1}`
  const made: FileKey = { id, purpose: 'docs', created, state: 'active', material: randomBytes(32) }
  const stepped = keys.map(key => (isDocs(key) && key.state === 'active' ? { ...key, state: 'decrypt' as const } : key))
  return { gen: gen + 1, keys: [...stepped, made], made }
}

/** The file with one key moved on; of a destroyed one only the name stays. */
export function withState({ gen, keys }: Keyfile, id: string, state: KeyState): Keyfile {
  const material = state === 'destroyed' ? { material: Buffer.alloc(0) } : {}
  return { gen: gen + 1, keys: keys.map(key => (key.id === id ? { ...key, state, ...material } : key)) }
}

/**
 * Lets a running ring follow another process that changed the file, and nobody else: the generation has grown, every key that
 * was known is still there with the same bytes or was moved on, and no key but those of documents has changed. A file that is
 * older, or holds other keys under known names, is no successor.
 *
 * @throws {KeyfileProblem} in words
 */
export function requireSuccessor(before: Keyfile, after: Keyfile): void {
  if (after.gen <= before.gen) throw new KeyfileProblem('is not newer than the one that was read at the start')
  const now = new Map(after.keys.map(key => [key.id, key]))
  for (const key of before.keys) requireSame(key, now.get(key.id))
  const known = new Set(before.keys.map(({ id }) => id))
  const strange = after.keys.find(key => !known.has(key.id) && !isDocs(key))
  if (strange) throw new KeyfileProblem(`holds a new ${strange.id}, which is no key of documents`)
}

function requireSame(key: FileKey, now: FileKey | undefined): void {
  if (now?.purpose !== key.purpose || now.created !== key.created) throw new KeyfileProblem(`has lost ${key.id}`)
  const steps = keyStates.indexOf(now.state) - keyStates.indexOf(key.state)
  if (steps < 0 || (steps > 0 && !isDocs(key))) throw new KeyfileProblem(`has moved ${key.id} from its place`)
  if (now.state === 'destroyed') return
  if (!now.material.equals(key.material)) throw new KeyfileProblem(`holds another ${key.id}`)
}

const isDocs = ({ purpose }: FileKey): boolean => purpose === 'docs'
