import assert from 'node:assert/strict'
import { createHmac, createPublicKey } from 'node:crypto'
import { after, before, test } from 'node:test'
import { type Forgery, openForgery, partsOf } from '../support/forged-tokens.ts'
import { base64url, newSigningKey, signedText, signedToken } from '../support/local-issuer.ts'
import { openOidcPlace } from '../support/oidc-place.ts'

let forgery: Forgery

before(async () => {
  forgery = await openForgery()
})
after(() => forgery[Symbol.asyncDispose]())

test('a token without a signature is refused, whatever it calls that', async () => {
  const { place, goodHeader, goodClaims, refusesOnly } = forgery
  const names = ['none', 'None', 'NONE', 'nOnE', '']
  const texts = names.flatMap(alg => {
    const input = `${base64url(JSON.stringify(goodHeader({ alg })))}.${base64url(JSON.stringify(goodClaims()))}`
    return [[`${alg} without`, `${input}.`] as const, [`${alg} with one`, `${input}.${base64url('x')}`] as const]
  })
  const [header, payload, signature] = partsOf(place.token())
  await refusesOnly({
    ...Object.fromEntries(texts),
    'cut off': `${header}.${payload}.`,
    'cut off with its dot': `${header}.${payload}`,
    'an empty payload': `${header}..${signature}`,
    'an empty header': `.${payload}.${signature}`,
  })
})

test('the public key of the issuer is no secret to sign with', async () => {
  const { own, goodHeader, goodClaims, refusesOnly } = forgery
  const publicKey = createPublicKey({ key: { ...own.published }, format: 'jwk' })
  const secrets = {
    pem: publicKey.export({ type: 'spki', format: 'pem' }),
    der: publicKey.export({ type: 'spki', format: 'der' }),
    jwk: JSON.stringify(own.published),
    x: Buffer.from(String(own.published.x), 'base64url'),
    nothing: '',
  }
  const attacks = Object.entries(secrets).flatMap(([name, secret]) =>
    (['256', '384', '512'] as const).map(bits => {
      const header = base64url(JSON.stringify(goodHeader({ alg: `HS${bits}` })))
      const input = `${header}.${base64url(JSON.stringify(goodClaims()))}`
      return [`${name} HS${bits}`, `${input}.${createHmac(`sha${bits}`, secret).update(input).digest('base64url')}`]
    }),
  )
  await refusesOnly(Object.fromEntries(attacks))
})

test('an algorithm that the operator did not pin is refused, though the issuer publishes a key for it', async () => {
  const { goodClaims } = forgery
  await using two = await openOidcPlace()
  const rsa = newSigningKey('RS256')
  const secret = { kty: 'oct', kid: 'shared', alg: 'HS256', k: base64url('x'.repeat(32)) }
  two.issuer.keys = [...two.issuer.keys, rsa]
  two.issuer.extra = [secret]
  assert.ok(await two.identity.identify(two.token(), 'r'))
  const iat = Math.floor(two.clock.nowMs() / 1_000)
  const claims = { ...goodClaims(), iss: two.issuer.url, iat, exp: iat + 600 }
  const byRsa = signedToken(rsa, { typ: 'at+jwt', kid: rsa.keyId }, claims)
  assert.equal(await two.identity.identify(byRsa, 'r'), undefined)
  const header = base64url(JSON.stringify({ alg: 'HS256', typ: 'at+jwt', kid: 'shared' }))
  const input = `${header}.${base64url(JSON.stringify(claims))}`
  const byShared = `${input}.${createHmac('sha256', 'x'.repeat(32)).update(input).digest('base64url')}`
  assert.equal(await two.identity.identify(byShared, 'r'), undefined)

  await using pinned = await openOidcPlace({ algorithms: ['ES256', 'RS256'] })
  pinned.issuer.keys = [rsa]
  assert.ok(await pinned.identity.identify(pinned.token(), 'r'), 'once pinned, the same key is good')
})

test('a token cannot bring its key, nor say where it is to be had', async () => {
  const { place, attacker, own, theirs, goodHeader, goodClaims, headed, refusesOnly } = forgery
  const forged = (over: object) => signedToken(theirs, goodHeader({ kid: theirs.keyId, ...over }), goodClaims())
  const { keysUrl } = attacker
  await refusesOnly({
    'a key of its own': forged({}),
    'a key of its own under the id of a good one': forged({ kid: own.keyId }),
    jwk: forged({ jwk: theirs.published }),
    'jwk under the id of a good one': forged({ kid: own.keyId, jwk: { ...theirs.published, kid: own.keyId } }),
    jku: forged({ jku: keysUrl }),
    x5u: forged({ x5u: keysUrl }),
    x5c: forged({ x5c: ['MIIB'] }),
    'kid as an address': forged({ kid: keysUrl }),
    'iss as an address': signedToken(theirs, goodHeader({ kid: theirs.keyId }), goodClaims({ iss: attacker.url })),
    'a good token with jwk': headed({ jwk: own.published }),
    'a good token with jku': headed({ jku: place.issuer.keysUrl }),
    'a good token with x5u': headed({ x5u: place.issuer.keysUrl }),
    'a good token with x5c': headed({ x5c: [] }),
  })
  assert.equal(attacker.asked, 0, 'nobody was asked for the keys')
})

test('a key id is compared and never opened, looked up or run', async () => {
  const { own, theirs, goodHeader, goodClaims, headed, refusesOnly } = forgery
  const ids = ['../../../../dev/null', '/dev/null', "' OR 1=1 --", '; ls', '__proto__', 'constructor', '0', '*', '%00']
  const named = ids.map(kid => [kid, signedToken(theirs, goodHeader({ kid }), goodClaims())] as const)
  const strange = [null, 0, true, [], {}, [own.keyId], '', ' ', 'a b', 'x'.repeat(257), 'ключ'].map(
    kid => [JSON.stringify(kid), headed({ kid })] as const,
  )
  const header = base64url(JSON.stringify(goodHeader({ alg: 'HS256', kid: '../../../../dev/null' })))
  const input = `${header}.${base64url(JSON.stringify(goodClaims()))}`
  const byNothing = `${input}.${createHmac('sha256', '').update(input).digest('base64url')}`
  await refusesOnly({ ...Object.fromEntries(named), ...Object.fromEntries(strange), byNothing })
})

test('a token that demands to be understood in a way of its own is refused', async () => {
  const { goodHeader, goodClaims, headed, isIn, refusesOnly } = forgery
  const inB64 = base64url(JSON.stringify(goodHeader({ alg: 'ES256', b64: false, crit: ['b64'] })))
  await refusesOnly({
    crit: headed({ crit: ['exp'], exp: 1 }),
    'crit of what is known': headed({ crit: ['b64'], b64: true }),
    'crit of nothing': headed({ crit: [] }),
    'an unencoded payload': `${inB64}.${JSON.stringify(goodClaims())}.${base64url('x'.repeat(64))}`,
    b64: headed({ b64: false }),
    zip: headed({ zip: 'DEF' }),
  })
  assert.ok(
    await isIn(headed({ x5t: 'abc', nonce: 'n' })),
    'a header that asks for nothing is passed over (RFC 7515, 4)',
  )
})

test('issuer and audience are equal to the configured ones, character by character', async () => {
  const { place, attacker, claimed, isIn, refusesOnly } = forgery
  const { url } = place.issuer
  const issuers = [`${url}/`, url.toUpperCase(), ` ${url}`, url.slice(0, -1), '', attacker.url, [url], { url }, null, 7]
  const audiences = [
    '',
    'kyc',
    'kyc-vault ',
    'KYC-VAULT',
    'kyc-vault-2',
    [],
    ['other'],
    [['kyc-vault']],
    null,
    { 0: 'kyc-vault' },
  ]
  await refusesOnly({
    ...Object.fromEntries(issuers.map(iss => [`iss ${JSON.stringify(iss)}`, claimed({ iss })])),
    ...Object.fromEntries(audiences.map(aud => [`aud ${JSON.stringify(aud)}`, claimed({ aud })])),
    'no iss': claimed({ iss: undefined }),
    'no aud': claimed({ aud: undefined }),
  })
  assert.ok(await isIn(claimed({ aud: ['other', 'kyc-vault'] })))
})

test('a signature is of this text and by this key', async () => {
  const { place, own, goodHeader, goodClaims, refusesOnly } = forgery
  const [header, payload, signature] = partsOf(place.token())
  const [, otherPayload, otherSignature] = partsOf(place.token({ sub: 'p-2' }))
  const bytes = Buffer.from(signature, 'base64url')
  const der = signedText(
    { ...own, algorithm: 'DER' },
    JSON.stringify({ alg: 'ES256', ...goodHeader() }),
    JSON.stringify(goodClaims()),
  )
  await refusesOnly({
    'another payload': `${header}.${otherPayload}.${signature}`,
    'another signature': `${header}.${payload}.${otherSignature}`,
    'all zero (CVE-2022-21449)': `${header}.${payload}.${base64url(Buffer.alloc(64))}`,
    'half of it': `${header}.${payload}.${base64url(bytes.subarray(0, 32))}`,
    'one byte more': `${header}.${payload}.${base64url(Buffer.concat([bytes, Buffer.of(0)]))}`,
    'of another form': der,
  })
})

test('a private key that the issuer published by mistake proves nothing', async () => {
  await using careless = await openOidcPlace()
  const [key] = careless.issuer.keys
  assert.ok(key)
  const whole = { ...key.published, ...key.secret.export({ format: 'jwk' }) }
  const token = careless.token()
  careless.issuer.keys = []
  careless.issuer.extra = [whole]
  assert.equal(await careless.identity.identify(token, 'r'), undefined)
})
