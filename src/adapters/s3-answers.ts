import { VaultError } from '../domain/errors.ts'

/** What a failed call says of the object, apart from all the ways in which it says nothing. */
export type Refusal = 'absent' | 'exists' | 'conflict' | 'beyond' | 'full' | 'silent' | 'refused'

const full = new Set(['InsufficientStorage', 'QuotaExceeded', 'XMinioStorageFull', 'EntityTooLarge'])
const absent = new Set(['NoSuchKey', 'NotFound', 'NoSuchVersion'])

/**
 * Sorts what the client threw. `silent`: no answer, or one that says try again (5xx, throttled); the call may have had its
 * effect. `refused`: an answer that no repetition will change, such as rights or a bucket that is gone.
 */
export function refusalIn(error: unknown): Refusal {
  const status = statusOf(error)
  const name = error instanceof Error ? error.name : ''
  if (status === undefined) return 'silent'
  if (status === 404) return absent.has(name) ? 'absent' : 'refused'
  if (status === 412) return 'exists'
  if (status === 409) return 'conflict'
  if (status === 416) return 'beyond'
  if (status === 507 || full.has(name)) return 'full'
  return status >= 500 || status === 429 || status === 408 ? 'silent' : 'refused'
}

/** As the port words it; a reason of the caller's own, such as an abort, passes as it is. */
export function asBlobsError(error: unknown): VaultError {
  if (error instanceof VaultError) return error
  switch (refusalIn(error)) {
    case 'absent':
      return new VaultError('blobs.missing', {}, error)
    case 'exists':
      return new VaultError('blobs.exists', {}, error)
    case 'full':
      return new VaultError('storage.full', {}, error)
    default:
      return new VaultError('blobs.unavailable', {}, error)
  }
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const { $metadata: metadata } = error
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}
