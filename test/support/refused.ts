import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { type ErrorCode, VaultError } from '../../src/domain/errors.ts'

/** Asserts that the promise fails with this code. @returns the error, for its facts */
export async function refused(promise: Promise<unknown>, code: ErrorCode): Promise<VaultError> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  if (!(error instanceof VaultError))
    assert.fail(`expected ${code}, got ${error === undefined ? 'no failure' : inspect(error)}`)
  assert.equal(error.code, code)
  return error
}
