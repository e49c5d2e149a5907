import { VaultError } from '../domain/errors.ts'

/** What it means where there is no such file. */
type WhenAbsent = 'blobs.missing' | 'blobs.unavailable'

/** Runs what calls the system, and says its failures in the port's words. */
export async function translated<T>(work: () => Promise<T>, absent: WhenAbsent = 'blobs.unavailable'): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw translate(error, absent)
  }
}

/** System errors become the port's; an abort's reason passes as it is. */
export function translate(error: unknown, absent: WhenAbsent): unknown {
  switch (codeOf(error)) {
    case undefined:
      return error
    case 'EEXIST':
      return new VaultError('blobs.exists', {}, error)
    case 'ENOENT':
    case 'ELOOP':
      return new VaultError(absent, {}, error)
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new VaultError('storage.full', {}, error)
    default:
      return new VaultError('blobs.unavailable', {}, error)
  }
}

/** The system's code of a failed call; undefined for anything else, an abort included. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
