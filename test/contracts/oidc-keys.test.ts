import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { inspect } from 'node:util'
import { keySetTimes } from '../../src/adapters/oidc-keys.ts'
import { type IssuerMood, newSigningKey } from '../support/local-issuer.ts'
import { type OidcPlace, openOidcPlace } from '../support/oidc-place.ts'
import { ownCertificate } from '../support/own-certificate.ts'
import { refused } from '../support/refused.ts'

const { keptMs, cooldownMs, retryMs } = keySetTimes
const isIn = async ({ identity }: OidcPlace, text: string) => (await identity.identify(text, 'r')) !== undefined

test('the keys are asked for once, however many tokens come at once, and not again while they are fresh', async () => {
  await using place = await openOidcPlace()
  const tokens = Array.from({ length: 50 }, () => place.token())
  assert.deepEqual(
    await Promise.all(tokens.map(token => isIn(place, token))),
    tokens.map(() => true),
  )
  assert.equal(place.issuer.asked, 1)
  place.clock.advance(keptMs / 2 - 1)
  assert.ok(await isIn(place, place.token()))
  assert.equal(place.issuer.asked, 1)
})

test('a new key of the issuer is taken up at once, and its old one ends when the set is asked for again', async () => {
  await using place = await openOidcPlace()
  const old = place.token()
  assert.ok(await isIn(place, old))
  place.clock.advance(cooldownMs)
  place.issuer.keys = [newSigningKey('ES256'), ...place.issuer.keys]
  assert.ok(await isIn(place, place.token()), 'signed by the new key')
  assert.ok(await isIn(place, old), 'both are published')
  place.issuer.keys = place.issuer.keys.slice(0, 1)
  place.clock.advance(keptMs)
  assert.equal(await isIn(place, old), false)
  assert.equal(place.issuer.asked, 3)
})

test('tokens with unknown keys make the vault ask at most twice a minute, and harm nobody else', async () => {
  await using place = await openOidcPlace()
  const good = place.token()
  assert.ok(await isIn(place, good))
  for (let n = 0; n < 100; n++) assert.equal(await isIn(place, place.token({}, { kid: `k-${n}` })), false)
  assert.equal(place.issuer.asked, 1)
  place.clock.advance(cooldownMs)
  const flood = Array.from({ length: 100 }, (_, n) => isIn(place, place.token({}, { kid: `l-${n}` })))
  assert.ok((await Promise.all(flood)).every(is => !is))
  assert.equal(place.issuer.asked, 2)
  assert.ok(await isIn(place, good))
})

const moods: readonly IssuerMood[] = ['down', 'failing', 'slow', 'dripping', 'huge', 'redirecting', 'a page', 'no set']
for (const mood of moods) {
  test(`an issuer that is ${mood}: known keys go on for their time, nothing else is believed, and it heals`, async () => {
    await using place = await openOidcPlace()
    place.issuer.mood = mood
    await refused(place.identity.identify(place.token(), 'r'), 'issuer.unavailable')
    const error = await refused(place.identity.identify(place.token(), 'r'), 'issuer.unavailable')
    assert.equal(error.facts.retryAfterSeconds, retryMs / 1_000)
    assert.equal(place.issuer.asked, 1, 'nobody asks again at once, and no redirect is followed')

    place.issuer.mood = 'good'
    place.clock.advance(retryMs)
    assert.ok(await isIn(place, place.token()))

    place.issuer.mood = mood
    place.clock.advance(cooldownMs)
    assert.ok(await isIn(place, place.token()), 'its key is known')
    const strange = place.token({}, { kid: 'strange' })
    await refused(place.identity.identify(strange, 'r'), 'issuer.unavailable')
    await refused(place.identity.identify(strange, 'r'), 'issuer.unavailable')
    assert.ok(await isIn(place, place.token()), 'its key is known still')
    place.clock.advance(keptMs)
    await refused(place.identity.identify(place.token(), 'r'), 'issuer.unavailable')
    assert.equal(await isIn(place, place.token({ iss: 'https://elsewhere.example' })), false, 'others are just nobody')

    place.issuer.mood = 'good'
    place.clock.advance(retryMs)
    assert.ok(await isIn(place, place.token()))
  })
}

test('from the middle of their time on the keys are renewed while nobody waits, and a failure is logged', {
  timeout: 20_000,
}, async () => {
  await using place = await openOidcPlace()
  assert.ok(await isIn(place, place.token()))
  place.issuer.mood = 'down'
  place.clock.advance(keptMs / 2 + 1)
  const tokens = Array.from({ length: 20 }, () => place.token())
  assert.ok((await Promise.all(tokens.map(token => isIn(place, token)))).every(Boolean))
  while (place.lines.length === 0) await new Promise(setImmediate)
  assert.deepEqual(place.lines, [
    { event: 'keys of an issuer not renewed', code: 'issuer.unavailable', cause: 'SocketError:UND_ERR_SOCKET' },
  ])
  place.issuer.mood = 'good'
  place.clock.advance(retryMs)
  assert.ok(await isIn(place, place.token()))
  while (place.issuer.asked < 3) await new Promise(setImmediate)
  place.clock.advance(keptMs / 2)
  assert.ok(await isIn(place, place.token()), 'renewed: the first answer would be over by now')
})

test('an issuer whose certificate nobody vouches for is not believed, and one that somebody vouches for is', async t => {
  const tls = ownCertificate()
  await using place = await openOidcPlace({}, tls)
  const error = await refused(place.identity.identify(place.token(), 'r'), 'issuer.unavailable')
  assert.match(inspect(error.cause), /SELF_SIGNED_CERT/)
  assert.equal(place.issuer.asked, 0)
  const known = getCACertificates('default')
  t.after(() => setDefaultCACertificates(known))
  setDefaultCACertificates([...known, tls.cert])
  place.clock.advance(retryMs)
  assert.ok(await isIn(place, place.token()))
})

test('a clock that is set back keeps no key for longer', async () => {
  await using place = await openOidcPlace()
  assert.ok(await isIn(place, place.token()))
  place.issuer.mood = 'down'
  place.clock.advance(-1_000)
  await refused(place.identity.identify(place.token(), 'r'), 'issuer.unavailable')
})

test('without a key id a token is good where the issuer has one key of its kind, and refused where it has more', async () => {
  await using place = await openOidcPlace()
  assert.ok(await isIn(place, place.token({}, { kid: undefined })))
  const [key] = place.issuer.keys
  assert.ok(key)
  place.issuer.keys = [key, newSigningKey('ES256')]
  place.clock.advance(keptMs)
  assert.equal(await isIn(place, place.token({}, { kid: undefined })), false)
  assert.ok(await isIn(place, place.token()))
  place.issuer.keys = [key, newSigningKey('ES256', key.keyId)]
  place.clock.advance(keptMs)
  assert.equal(await isIn(place, place.token()), false, 'two keys of one id')
})

test('a key for another use, another operation or another algorithm verifies nothing', async () => {
  for (const other of [{ use: 'enc' }, { key_ops: ['sign'] }, { alg: 'ES384' }, { kty: 'RSA' }, { crv: 'P-384' }]) {
    await using place = await openOidcPlace()
    const [key] = place.issuer.keys
    assert.ok(key)
    place.issuer.keys = [{ ...key, published: { ...key.published, ...other } }]
    assert.equal(await isIn(place, place.token()), false, JSON.stringify(other))
  }
})

test('an RSA key shorter than 2048 bits verifies nothing', async () => {
  await using place = await openOidcPlace({ algorithms: ['RS256'] })
  place.issuer.keys = [newSigningKey('RS256')]
  assert.ok(await isIn(place, place.token()))
  place.issuer.keys = [newSigningKey('RS256', 'short', 1_024)]
  place.clock.advance(keptMs)
  assert.equal(await isIn(place, place.token()), false)
})

test('keys that the operator wrote down are never asked for', async () => {
  await using place = await openOidcPlace(({ keys: [key] }) => ({ keys: { set: { keys: [key?.published] } } }))
  assert.ok(await isIn(place, place.token()))
  assert.equal(await isIn(place, place.token({}, { kid: 'strange' })), false)
  place.clock.advance(10 * keptMs)
  assert.ok(await isIn(place, place.token()))
  assert.equal(place.issuer.asked, 0)
})
