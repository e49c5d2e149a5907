import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { VaultError } from '../domain/errors.ts'
import { refusalIn } from './s3-answers.ts'
import { pauseMsAfter } from './s3-ask.ts'
import { Patience } from './s3-patience.ts'

export interface PutTarget {
  readonly client: S3Client
  readonly bucket: string
  readonly key: string
  readonly silenceMs: number
  /** Nobody can change or delete the object until then, epoch ms. */
  readonly lock?: { readonly mode: 'compliance' | 'governance'; readonly untilMs: number }
}

/** A body as it will be sent: its parts in order, with their length and base64 SHA-256. */
interface Body {
  readonly parts: readonly Uint8Array[]
  readonly sizeBytes: number
  readonly sha256: string
}

/** How a put ended, when it did not fail; after an abort, whether our object is there all the same. */
export type PutEnd = 'stored' | 'exists' | 'aborted' | 'left-behind'

/** What an attempt is given at least, however long the earlier ones took. */
const leastSilenceMs = 300
const hashSliceBytes = 1024 * 1024

/**
 * Puts the parts under a key that must be free. The store checks the SHA-256 that is sent along, so stored means confirmed.
 * An attempt that was turned away or whose answer was lost is repeated under the same condition, for as long as a store may
 * be silent; when the key is then taken by the very same bytes, they are ours.
 *
 * @param sha256 of all parts, base64; found here when absent
 * @throws {VaultError} blobs.unavailable - silent for too long, or still failing at the last attempt: stored or not
 * @throws {VaultError} storage.full - no room
 */
export async function putOnce(
  target: PutTarget,
  parts: readonly Uint8Array[],
  signal: AbortSignal,
  sha256?: Promise<string>,
): Promise<PutEnd> {
  const body = await measured(parts, sha256)
  signal.throwIfAborted()
  const startMs = performance.now()
  const left = (): PutTarget => {
    const silenceMs = Math.max(leastSilenceMs, target.silenceMs - (performance.now() - startMs))
    return { ...target, silenceMs }
  }
  let isAnswerLost = false
  for (let attempt = 0; ; attempt++) {
    const end = await send(left(), body, signal)
    if (signal.aborted) return (await isOurs(target, body)) ? 'left-behind' : 'aborted'
    if (end === 'stored') return end
    const refusal = refusalIn(end.failed)
    if (refusal === 'exists') return isAnswerLost && (await isOurs(left(), body)) ? 'stored' : 'exists'
    if (refusal === 'full') throw new VaultError('storage.full', { sizeBytes: body.sizeBytes }, end.failed)
    const mayRepeat = refusal === 'silent' || refusal === 'conflict'
    const pauseMs = pauseMsAfter(attempt)
    const isTooLate = end.isLate || performance.now() - startMs + pauseMs > target.silenceMs
    if (!mayRepeat || isTooLate) throw new VaultError('blobs.unavailable', {}, end.failed)
    isAnswerLost ||= refusal === 'silent'
    await sleep(pauseMs)
  }
}

type Sent = 'stored' | { readonly failed: unknown; readonly isLate: boolean }

/**
 * One attempt. Aborted before the last byte was handed over it is broken off, and a body that is not whole is never stored;
 * after that it is waited for, so that nothing can appear once the caller has been answered.
 */
async function send(target: PutTarget, body: Body, signal: AbortSignal): Promise<Sent> {
  using patience = new Patience(target.silenceMs)
  let isHandedOver = body.sizeBytes === 0
  const cut = new AbortController()
  const onAbort = () => {
    if (!isHandedOver) cut.abort(signal.reason)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  function* handOver(): Generator<Uint8Array> {
    for (const part of body.parts) {
      patience.renew()
      yield part
    }
    isHandedOver = true
    patience.renew()
  }
  const command = new PutObjectCommand({
    Bucket: target.bucket,
    Key: target.key,
    Body: body.sizeBytes === 0 ? new Uint8Array(0) : Readable.from(handOver(), { highWaterMark: 1 }),
    ContentLength: body.sizeBytes,
    ContentType: 'application/octet-stream',
    ChecksumSHA256: body.sha256,
    IfNoneMatch: '*',
    ...lockOf(target),
  })
  try {
    await patience.over(target.client.send(command, { abortSignal: AbortSignal.any([patience.signal, cut.signal]) }))
    return 'stored'
  } catch (error) {
    return { failed: error, isLate: patience.signal.aborted }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function lockOf({ lock }: PutTarget) {
  if (!lock) return {}
  const ObjectLockMode = lock.mode === 'compliance' ? ('COMPLIANCE' as const) : ('GOVERNANCE' as const)
  return { ObjectLockMode, ObjectLockRetainUntilDate: new Date(lock.untilMs) }
}

/** True when what lies under the key has the size and checksum of `body`, as the store itself computed them. */
async function isOurs(target: PutTarget, { sizeBytes, sha256 }: Body): Promise<boolean> {
  using patience = new Patience(target.silenceMs)
  const command = new HeadObjectCommand({ Bucket: target.bucket, Key: target.key, ChecksumMode: 'ENABLED' })
  try {
    const found = await patience.over(target.client.send(command, { abortSignal: patience.signal }))
    return found.ContentLength === sizeBytes && found.ChecksumSHA256 === sha256
  } catch (error) {
    if (refusalIn(error) === 'absent') return false
    throw error
  }
}

async function measured(parts: readonly Uint8Array[], sha256: Promise<string> | undefined): Promise<Body> {
  const sizeBytes = parts.reduce((sum, part) => sum + part.byteLength, 0)
  return { parts, sizeBytes, sha256: await (sha256 ?? hashed(parts)) }
}

/** Other work gets its turn after each mebibyte. */
async function hashed(parts: readonly Uint8Array[]): Promise<string> {
  const hash = createHash('sha256')
  let sinceTurn = 0
  for (const part of parts) {
    hash.update(part)
    sinceTurn += part.byteLength
    if (sinceTurn < hashSliceBytes) continue
    sinceTurn = 0
    await new Promise(setImmediate)
  }
  return hash.digest('base64')
}
