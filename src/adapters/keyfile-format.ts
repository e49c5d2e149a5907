import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  randomBytes,
  type ScryptOptions,
  scrypt,
  timingSafeEqual,
} from 'node:crypto'
import { z } from 'zod'

/**
 * The key file, version 1: JSON of `{format, gen, kdf, keys, mac}`. Without a passphrase `kdf` and `mac` are null, each
 * `material` is 32 bytes in base64 and permissions are the protection. With one, scrypt (N 2^17, r 8, p 1) gives 64 bytes:
 * the first 32 seal each material as IV (12) || AES-256-GCM ciphertext || tag (16) with the AAD `id|purpose|alg|created`, the
 * last 32 are the HMAC-SHA-256 key of `mac` over the JSON array of every other value in its order.
 */
export const keyPurposes = {
  docs: 'AES-256-GCM',
  'trail-day': 'AES-256-GCM',
  'blind-index': 'HMAC-SHA-256',
  'trail-sign': 'Ed25519',
  door: 'HMAC-SHA-256',
} as const
export type KeyPurpose = keyof typeof keyPurposes

/** What becomes of a key, in this order and never back. */
export const keyStates = ['active', 'decrypt', 'disabled', 'destroyed'] as const
export type KeyState = (typeof keyStates)[number]

/**
 * One key, opened. `decrypt` opens what it wrapped and wraps nothing new; `disabled` opens nothing either; of a `destroyed` one
 * only the name is left.
 */
export interface FileKey {
  /** `<purpose>/<n>`, n from 1. */
  readonly id: string
  readonly purpose: KeyPurpose
  /** UTC, ISO 8601. */
  readonly created: string
  readonly state: KeyState
  /** 32 bytes; empty when destroyed. */
  readonly material: Buffer
}

const scryptCost = { N: 2 ** 17, r: 8, p: 1 } as const
const purposeNames = Object.keys(keyPurposes) as [KeyPurpose, ...KeyPurpose[]]
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/)

const fileSchema = z.strictObject({
  format: z.literal('vault-keyring/1'),
  gen: z.int().min(1),
  kdf: z.nullable(
    z.strictObject({
      name: z.literal('scrypt'),
      n: z.literal(scryptCost.N),
      r: z.literal(scryptCost.r),
      p: z.literal(scryptCost.p),
      salt: base64,
    }),
  ),
  keys: z.array(
    z.strictObject({
      id: z.string().regex(/^[a-z-]{1,32}\/[1-9][0-9]{0,8}$/),
      purpose: z.enum(purposeNames),
      alg: z.string(),
      created: z.iso.datetime(),
      state: z.enum(keyStates),
      material: base64,
    }),
  ),
  mac: z.nullable(base64),
})
type KeyfileJson = z.output<typeof fileSchema>
type KeyRow = KeyfileJson['keys'][number]

/** What a key file says, once it is verified. */
export interface Keyfile {
  /** Grows by one with each change of the file. */
  readonly gen: number
  readonly keys: readonly FileKey[]
}

/** Why a file is not the keyring it claims to be; words for the operator, never a part of a key. */
export class KeyfileProblem extends Error {}

/** One fresh active key for each purpose. */
export function newKeys(created: string): readonly FileKey[] {
  return purposeNames.map(purpose => ({
    id: `${purpose}/1`,
    purpose,
    created,
    state: 'active',
    material: randomBytes(32),
  }))
}

/** @returns the file's bytes, JSON in UTF-8 */
export async function writeKeyfile({ keys, gen }: Keyfile, passphrase?: Buffer): Promise<Buffer> {
  const salt = randomBytes(32)
  const derived = passphrase ? await derive(passphrase, salt) : undefined
  const rows = keys.map((key): KeyRow => {
    const row = {
      id: key.id,
      purpose: key.purpose,
      alg: keyPurposes[key.purpose],
      created: key.created,
      state: key.state,
    }
    const material =
      derived && row.state !== 'destroyed' ? sealMaterial(derived.sealing, row, key.material) : key.material
    return { ...row, material: material.toString('base64') }
  })
  const kdf = derived
    ? { name: 'scrypt' as const, n: scryptCost.N, r: scryptCost.r, p: scryptCost.p, salt: salt.toString('base64') }
    : null
  const file: KeyfileJson = { format: 'vault-keyring/1', gen, kdf, keys: rows, mac: null }
  const mac = derived ? macOf(derived.authenticating, file).toString('base64') : null
  return Buffer.from(`${JSON.stringify({ ...file, mac }, undefined, 2)}\n`)
}

/**
 * The file, once its mac and each material are verified.
 * @throws {KeyfileProblem} not a key file of this version, altered, or the passphrase is absent, needless or wrong
 */
export async function readKeyfile(bytes: Buffer, passphrase?: Buffer): Promise<Keyfile> {
  const file = parse(bytes)
  const derived = await openedBy(file, passphrase)
  const ids = new Set(file.keys.map(row => row.id))
  if (ids.size !== file.keys.length) throw new KeyfileProblem('names one key twice')
  const keys = file.keys.map(row => openRow(row, derived?.sealing))
  for (const purpose of purposeNames) {
    const active = keys.filter(key => key.purpose === purpose && key.state === 'active')
    if (active.length !== 1) throw new KeyfileProblem(`has not exactly one active key for ${purpose}`)
  }
  return { gen: file.gen, keys }
}

function parse(bytes: Buffer): KeyfileJson {
  let json: unknown
  try {
    json = JSON.parse(bytes.toString('utf8'))
  } catch {
    // The parser's message quotes the text around the fault, which may be key material: it is dropped.
    throw new KeyfileProblem('is not JSON')
  }
  const parsed = fileSchema.safeParse(json, { jitless: true })
  if (parsed.success) return parsed.data
  const where = parsed.error.issues.map(issue => issue.path.join('.') || 'its top level')
  throw new KeyfileProblem(`is not a vault-keyring/1 file: see ${where.join(', ')}`)
}

async function openedBy(file: KeyfileJson, passphrase: Buffer | undefined): Promise<Derived | undefined> {
  if (file.kdf === null) {
    if (passphrase) throw new KeyfileProblem('is not under a passphrase, but one is configured')
    return undefined
  }
  if (!passphrase) throw new KeyfileProblem('is under a passphrase: set VAULT_KEYRING_PASSPHRASE_FILE')
  const derived = await derive(passphrase, Buffer.from(file.kdf.salt, 'base64'))
  const stored = Buffer.from(file.mac ?? '', 'base64')
  const actual = macOf(derived.authenticating, file)
  if (stored.length === actual.length && timingSafeEqual(stored, actual)) return derived
  throw new KeyfileProblem('does not open: the passphrase is wrong or the file was altered')
}

function openRow(row: KeyRow, sealing: Buffer | undefined): FileKey {
  if (row.alg !== keyPurposes[row.purpose]) throw new KeyfileProblem(`gives ${row.id} another algorithm`)
  if (!row.id.startsWith(`${row.purpose}/`)) throw new KeyfileProblem(`gives ${row.id} another purpose`)
  const { id, purpose, created, state } = row
  if (state === 'destroyed') {
    if (row.material !== '') throw new KeyfileProblem(`still holds ${id}, which it says is destroyed`)
    return { id, purpose, created, state, material: Buffer.alloc(0) }
  }
  const stored = Buffer.from(row.material, 'base64')
  const material = sealing ? openMaterial(sealing, row, stored) : stored
  if (material.length !== 32) throw new KeyfileProblem(`has not 32 bytes for ${id}`)
  return { id, purpose, created, state, material }
}

interface Derived {
  readonly sealing: Buffer
  readonly authenticating: Buffer
}

function derive(passphrase: Buffer, salt: Buffer): Promise<Derived> {
  // Node allows 32 MiB unless told; this cost takes 128 MiB and a little.
  const options: ScryptOptions = { ...scryptCost, maxmem: 160 * 1024 * 1024 }
  const { promise, resolve, reject } = Promise.withResolvers<Derived>()
  scrypt(passphrase, salt, 64, options, (error, bytes) => {
    if (error) reject(error)
    else resolve({ sealing: bytes.subarray(0, 32), authenticating: bytes.subarray(32) })
  })
  return promise
}

type Bound = Pick<KeyRow, 'id' | 'purpose' | 'alg' | 'created' | 'state'>

const aadOf = ({ id, purpose, alg, created }: Bound): Buffer => Buffer.from(`${id}|${purpose}|${alg}|${created}`)

function sealMaterial(key: Buffer, row: Bound, material: Buffer): Buffer {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: 16 }).setAAD(aadOf(row))
  return Buffer.concat([iv, cipher.update(material), cipher.final(), cipher.getAuthTag()])
}

function openMaterial(key: Buffer, row: Bound, sealed: Buffer): Buffer {
  if (sealed.length !== 12 + 32 + 16) throw new KeyfileProblem(`has not 32 bytes for ${row.id}`)
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(aadOf(row)).setAuthTag(sealed.subarray(44))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(12, 44)), decipher.final()])
  } catch (error) {
    throw new KeyfileProblem(`holds an altered ${row.id}`, { cause: error })
  }
}

function macOf(key: Buffer, { format, gen, kdf, keys }: KeyfileJson): Buffer {
  const salted = kdf ? [kdf.name, kdf.n, kdf.r, kdf.p, kdf.salt] : null
  const rows = keys.map(row => [row.id, row.purpose, row.alg, row.created, row.state, row.material])
  return createHmac('sha256', key)
    .update(JSON.stringify([format, gen, salted, rows]))
    .digest()
}
