import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openKeyfileKeyring } from '../../src/adapters/keyfile-keyring.ts'
import type { Grant } from '../../src/domain/grant.ts'
import { readAhead } from '../../src/guards/read-ahead.ts'
import { hashBody, type SealedBody, seal } from '../../src/guards/seal.ts'
import { type Opening, unseal } from '../../src/guards/unseal.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { blobOf, newContext, sealSample } from '../support/sealing.ts'
import { encryptionSdk } from './peers/encryption-sdk.ts'
import { rawSeal, rawUnseal } from './peers/raw-crypto.ts'
import { median, type Options, type Row, shown } from './row.ts'

// Each piece of work begins on a clean heap: otherwise it pays for what the one before it left, and a loop that never gives way
// to the event loop leaves all of it.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
// As src/main.js does, and for both sides: otherwise collections are most of what is measured.
setFlagsFromString('--external-memory-accounted-in-global-limit')
const MiB = 1024 * 1024
const never = new AbortController().signal
const context = newContext()

type Keyring = Vault['keyring']

/** `seal`: the vault's sealing and opening against the same work in a bare loop over node:crypto. */
export async function benchSeal({ rounds, quick, progress }: Options): Promise<readonly Row[]> {
  await using place = await keyringPlace()
  const { keyring } = place
  const key = randomBytes(32)
  const rows: Row[] = []
  for (const size of quick ? [MiB] : [MiB, 5 * MiB, 15 * MiB]) {
    const plaintext = randomBytes(size)
    const raw = rawSeal(key, plaintext)
    const sample = await sealSample(keyring, plaintext)
    const work = {
      vaultSeal: async () => void (await hashBody((await sealOnce(keyring, plaintext)).parts)),
      rawSeal: async () => void rawSeal(key, plaintext),
      vaultUnseal: () => openAll(keyring, sample, true),
      rawUnseal: async () => void rawUnseal(key, raw, true),
      vaultOpen: () => openAll(keyring, sample, false),
      rawOpen: async () => void rawUnseal(key, raw, false),
    }
    const times = await interleaved(work, rounds, Math.ceil((quick ? 8 : 30) / (size / MiB)))
    const ask = { bound: 'at least', value: 0.9 } as const
    const label = `${size / MiB} MiB`
    rows.push(
      compared('seal', `seal and hash ${label} / raw`, ask, times.vaultSeal, times.rawSeal, 'raw', size),
      compared('seal', `unseal and hash ${label} / raw`, ask, times.vaultUnseal, times.rawUnseal, 'raw', size),
      compared('seal', `unseal alone ${label} / raw`, undefined, times.vaultOpen, times.rawOpen, 'raw', size),
    )
    progress(`seal ${label} done`)
  }
  return rows
}

/** `codec`: the codec alone against the AWS Encryption SDK, at its defaults and at frames and suite equal to the vault's. */
export async function benchCodec({ rounds, quick, progress }: Options): Promise<readonly Row[]> {
  await using place = await keyringPlace()
  const { keyring } = place
  const size = (quick ? 1 : 5) * MiB
  const plaintext = randomBytes(size)
  const sample = await sealSample(keyring, plaintext)
  const [equal, defaults] = [encryptionSdk(65_536), encryptionSdk()]
  const [equalMessage, defaultMessage] = [await equal.encrypt(plaintext), await defaults.encrypt(plaintext)]
  const work = {
    vaultSeal: async () => void (await sealOnce(keyring, plaintext)),
    equalSeal: async () => void (await equal.encrypt(plaintext)),
    defaultSeal: async () => void (await defaults.encrypt(plaintext)),
    vaultOpen: () => openAll(keyring, sample, false),
    equalOpen: async () => void (await equal.decrypt(equalMessage)),
    defaultOpen: async () => void (await defaults.decrypt(defaultMessage)),
  }
  const times = await interleaved(work, rounds, quick ? 2 : 12)
  progress('codec done')
  const [four, fifteen] = [
    { bound: 'at least', value: 4 },
    { bound: 'at least', value: 15 },
  ] as const
  return [
    compared('codec', 'encrypt / SDK, equal frames', four, times.vaultSeal, times.equalSeal, 'SDK', size),
    compared('codec', 'decrypt / SDK, equal frames', four, times.vaultOpen, times.equalOpen, 'SDK', size),
    compared('codec', 'encrypt / SDK, its defaults', fifteen, times.vaultSeal, times.defaultSeal, 'SDK', size),
    compared('codec', 'decrypt / SDK, its defaults', fifteen, times.vaultOpen, times.defaultOpen, 'SDK', size),
  ]
}

function sealOnce(keyring: Keyring, plaintext: Uint8Array): Promise<SealedBody> {
  return seal({ keyring }, rawGrant as Grant<'document.deposit'>, { plaintext, context })
}

async function openAll(
  keyring: Keyring,
  sample: Awaited<ReturnType<typeof sealSample>>,
  hashed: boolean,
): Promise<void> {
  const { document, edks, context: sealedFor, body } = sample
  const hash = createHash('sha256')
  const chunks = blobOf(body)
  const blob = hashed ? { ...chunks, read: () => hashing(chunks.read(0, body.length, never), hash) } : chunks
  await using ahead = readAhead(blob, document, 0, document.plaintextBytes, never)
  const grant = rawGrant as Grant<Opening>
  await using bytes = await unseal({ keyring }, grant, { document, edks, context: sealedFor, body: ahead })
  let opened = 0
  for await (const piece of bytes) opened += piece.length
  if (opened !== document.plaintextBytes) throw new Error('not all was opened')
  if (hashed && hash.digest('base64') !== document.bodySha256) throw new Error('the hash does not hold')
}

async function* hashing(chunks: AsyncIterable<Uint8Array>, hash: { update(chunk: Uint8Array): unknown }) {
  for await (const chunk of chunks) {
    hash.update(chunk)
    yield chunk
  }
}

/** What one call took in each round; milliseconds. */
interface Taken {
  readonly wallMs: number[]
  /** Of all threads of this process. */
  readonly cpuMs: number[]
}

/** Within a round every piece of work runs `times` times in a row. */
async function interleaved<Name extends string>(
  work: Readonly<Record<Name, () => Promise<void>>>,
  rounds: number,
  times: number,
): Promise<Record<Name, Taken>> {
  const names = Object.keys(work) as Name[]
  const taken = Object.fromEntries(names.map(name => [name, { wallMs: [], cpuMs: [] }])) as unknown as Record<
    Name,
    Taken
  >
  for (const name of names) await work[name]()
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      collect()
      const [before, startedMs] = [process.cpuUsage(), performance.now()]
      for (let i = 0; i < times; i++) await work[name]()
      taken[name].wallMs.push((performance.now() - startedMs) / times)
      const { user, system } = process.cpuUsage(before)
      taken[name].cpuMs.push((user + system) / 1_000 / times)
    }
  }
  return taken
}

function compared(
  bench: string,
  name: string,
  ask: Row['ask'],
  own: Taken,
  theirs: Taken,
  peer: string,
  sizeBytes: number,
): Row {
  const side = (who: string, { wallMs, cpuMs }: Taken): string =>
    `${who} ${shown(median(wallMs))} ms, ${shown((sizeBytes / MiB / median(wallMs)) * 1_000)} MiB/s, CPU ${shown(median(cpuMs))} ms`
  return {
    bench,
    name,
    unit: 'x',
    ...(ask ? { ask } : {}),
    values: own.wallMs.map((ms, round) => (theirs.wallMs[round] ?? Number.NaN) / ms),
    notes: [side('vault', own), side(peer, theirs)],
  }
}

async function keyringPlace(): Promise<AsyncDisposable & { readonly keyring: Keyring }> {
  const folder = await mkdtemp(join(tmpdir(), 'vault-bench-'))
  const keyring = await openKeyfileKeyring({ keysDir: join(folder, 'keys'), dataDir: join(folder, 'data') })
  return { keyring, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}
