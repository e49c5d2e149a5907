import assert from 'node:assert/strict'
import test from 'node:test'
import { errorCodes, isUnavailable, VaultError } from '../../src/domain/errors.ts'
import { asVaultError, causeOf, problemBody, problemHeaders } from '../../src/http/problem.ts'
import { problems } from '../../src/http/problems.ts'

test('every code is documented with a status, a title and a detail, and nothing else is', () => {
  assert.deepEqual(Object.keys(problems).sort(), [...errorCodes].sort())
  for (const code of errorCodes) {
    const { status, title, detail } = problems[code]
    assert.ok(status >= 400 && status <= 599, code)
    assert.ok(title.length > 5 && detail.length > 10, code)
  }
})

test('whatever the vault stands on and lacks is a 503 or 507 that may be tried again, and says when', () => {
  for (const code of errorCodes.filter(isUnavailable)) {
    assert.ok([503, 507].includes(problems[code].status), code)
    assert.equal(problems[code].retryable, true, code)
    assert.ok(Number(problemHeaders(new VaultError(code))['Retry-After']) > 0, code)
  }
})

test('every 429 says when to come again, in whole seconds of its own or the documented ones', () => {
  for (const code of errorCodes.filter(one => problems[one].status === 429)) {
    assert.match(String(problemHeaders(new VaultError(code))['Retry-After']), /^[1-9]\d*$/, code)
    assert.equal(problemHeaders(new VaultError(code, { retryAfterSeconds: 42 }))['Retry-After'], '42')
  }
})

test('what is not expected is told by an id and no text', () => {
  const secret = 'Siti Rahayu passport X1234567'
  const failure = asVaultError(new TypeError(secret))
  assert.equal(failure.code, 'unexpected')
  const body = problemBody(failure, '0192f0c1-0000-7000-8000-000000000000')
  assert.ok(!JSON.stringify([body, problemHeaders(failure), causeOf(failure)]).includes('Siti'))
  assert.equal(body.instance, 'urn:uuid:0192f0c1-0000-7000-8000-000000000000')
  assert.equal(causeOf(failure), 'TypeError')
})

test('facts of a failure inside the vault are not told, those of a refusal are', () => {
  const facts = { limit: 7, detail: 'path of a disk' }
  assert.ok(!JSON.stringify(problemBody(new VaultError('blobs.missing', facts), 'x')).includes('disk'))
  assert.equal(problemBody(new VaultError('file.pages', { limit: 30 }), 'x').limit, 30)
})

test('a range that cannot be served names the size there is', () => {
  assert.equal(problemHeaders(new VaultError('range.not-satisfiable', { sizeBytes: 5 }))['Content-Range'], 'bytes */5')
})
