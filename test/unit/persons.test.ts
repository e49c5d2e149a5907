import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { credentialOf, denialIdOf, tokenOfCredential, tokenPatterns } from '../../src/domain/denied-token.ts'
import { type PersonId, parsePersonId, type TenantId } from '../../src/domain/ids.ts'
import { areTwoPersons, loginPersonText } from '../../src/domain/person.ts'
import { clockCaller, purgeCaller } from '../../src/retention/purge-caller.ts'
import { upkeepCaller } from '../../src/upkeep/upkeep-caller.ts'

const id = (text: string): PersonId => text as PersonId

test('two ids are two people only where one register tells them apart', () => {
  const two = (one: string, other: string) => areTwoPersons(id(one), id(other))
  assert.ok(two('alice', 'bob'))
  assert.ok(two('oidc:staff:alice', 'oidc:staff:bob'))
  assert.ok(two('oidc:staff:a:b', 'oidc:staff:a:c'))
  for (const [one, other] of [
    ['alice', 'alice'],
    ['oidc:staff:alice', 'oidc:staff:alice'],
    ['alice', 'oidc:staff:alice'],
    ['alice', 'oidc:staff:bob'],
    ['oidc:staff:alice', 'oidc:other:alice'],
    ['oidc:staff:alice', 'oidc:other:bob'],
    ['oidc:staff:alice', 'oidc-staff-bob'],
  ] as const) {
    assert.equal(two(one, other), false, `${one} ${other}`)
    assert.equal(two(other, one), false, `${other} ${one}`)
  }
})

test('nobody is called like a job of the vault, so that no person is taken for one that plans, and another for the one who approves', () => {
  const vault = { instance: 'instance-1' }
  const tenant = 'jnetot' as TenantId
  for (const job of [purgeCaller(vault, tenant), clockCaller(vault, tenant), upkeepCaller(vault, 'sweep', tenant)]) {
    assert.equal(parsePersonId(job.id), undefined, job.id)
  }
  for (const name of ['vaulted', 'the-vault-purge', 'vault']) assert.equal(parsePersonId(name), name)
})

test('no subject of one issuer is the person of another issuer, or of itself under another subject', () => {
  const name = fc.stringMatching(/^[a-z0-9-]{1,12}$/)
  const subject = fc.stringMatching(/^[A-Za-z0-9._:|-]{1,40}$/)
  const login = fc.tuple(name, subject)
  fc.assert(
    fc.property(login, login, (one, other) => {
      const isSame = one[0] === other[0] && one[1] === other[1]
      assert.equal(loginPersonText(...one) === loginPersonText(...other), isSame)
    }),
  )
})

test('the name of a token is one text, and is read back from it', () => {
  const issuer = fc.stringMatching(tokenPatterns.issuer)
  const subject = fc.stringMatching(tokenPatterns.subject)
  const tokenId = fc.stringMatching(tokenPatterns.tokenId)
  const token = fc.record({ issuer, subject, tokenId })
  fc.assert(
    fc.property(token, one => {
      assert.deepEqual(tokenOfCredential(credentialOf(one)), { ...one })
      assert.notEqual(credentialOf(one), denialIdOf(one.issuer, one.subject))
    }),
  )
  for (const other of ['', 'a1b2c3d4e5f6g7h8', 'process', 'a b', 'a b c d'])
    assert.equal(tokenOfCredential(other), undefined)
})
