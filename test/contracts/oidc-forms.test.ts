import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Forgery, openForgery, partsOf } from '../support/forged-tokens.ts'
import { signedText } from '../support/local-issuer.ts'
import { openOidcPlace } from '../support/oidc-place.ts'

let forgery: Forgery

before(async () => {
  forgery = await openForgery()
})
after(() => forgery[Symbol.asyncDispose]())

test('an identity token, or any other type than the pinned one, is no access token', async () => {
  const { headed, isIn, refusesOnly } = forgery
  const types = ['JWT', 'jwt', 'at', 'at+jwt ', 'secevent+jwt', 'text/at+jwt', '', 7, null, ['at+jwt'], undefined]
  await refusesOnly(Object.fromEntries(types.map(typ => [`typ ${JSON.stringify(typ)}`, headed({ typ })])))
  assert.ok(await isIn(headed({ typ: 'application/at+jwt' })), 'the long name of the same type (RFC 9068, 4)')
  await using plain = await openOidcPlace({ type: 'JWT' })
  assert.ok(await plain.identity.identify(plain.token({}, { typ: 'JWT' }), 'r'))
  assert.equal(await plain.identity.identify(plain.token({}, { typ: 'at+jwt' }), 'r'), undefined)
})

test('each part has one spelling: padding, another alphabet, blanks and unused bits are refused', async () => {
  const { place, refusesOnly } = forgery
  const parts = partsOf(place.token())
  const spellings = (part: string): readonly string[] => [
    `${part}=`,
    `${part}==`,
    ` ${part}`,
    `${part}\n`,
    `${part.slice(0, 4)}\t${part.slice(4)}`,
    Buffer.from(part, 'base64url').toString('base64').replaceAll('=', '').replaceAll(/^(.)/g, '+$1'),
    `${part}A`,
    ...otherLastBits(part),
  ]
  const attacks = parts.flatMap((part, n) =>
    spellings(part).map((other, m) => [`part ${n}, spelling ${m}`, parts.with(n, other).join('.')] as const),
  )
  await refusesOnly(Object.fromEntries(attacks))
  const bits = otherLastBits(parts[2])
  assert.equal(bits.length, 15, 'the signature has four unused bits')
  const bytes = bits.map(text => Buffer.from(text, 'base64url').toString('hex'))
  assert.equal(new Set([...bytes, Buffer.from(parts[2], 'base64url').toString('hex')]).size, 1, 'to a lenient reader')
})

/** Every other last character that a lenient reader takes for the same bytes. */
function otherLastBits(part: string): readonly string[] {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.split('')
  const bytes = Buffer.from(part, 'base64url')
  return letters
    .map(letter => part.slice(0, -1) + letter)
    .filter(other => other !== part && Buffer.from(other, 'base64url').equals(bytes))
}

test('a member that stands twice is refused, in header and payload, however it is spelt, even signed by the issuer', async () => {
  const { own, goodHeader, goodClaims, isIn, refusesOnly } = forgery
  const header = JSON.stringify({ alg: 'ES256', ...goodHeader() })
  const payload = JSON.stringify(goodClaims())
  const twice = (text: string, member: string) => `${text.slice(0, -1)},${member}}`
  await refusesOnly({
    'alg twice': signedText(own, twice(header, '"alg":"none"'), payload),
    'kid twice': signedText(own, twice(header, `"kid":"${own.keyId}"`), payload),
    'typ twice': signedText(own, twice(header, '"t\\u0079p":"at+jwt"'), payload),
    'sub twice': signedText(own, header, twice(payload, '"sub":"p-2"')),
    'sub twice, once escaped': signedText(own, header, twice(payload, '"s\\u0075b":"p-2"')),
    'the tenant twice': signedText(own, header, twice(payload, '"kyc_tenant":"jnetot"')),
    'a nested member twice': signedText(own, header, twice(payload, '"x":{"a":1,"a":2}')),
  })
  assert.ok(await isIn(signedText(own, header, twice(payload, '"x":{"a":1,"b":2}'))))
})

test('header and payload are JSON objects in UTF-8 and nothing else', async () => {
  const { place, own, goodHeader, goodClaims, refusesOnly } = forgery
  const header = JSON.stringify({ alg: 'ES256', ...goodHeader() })
  const payload = JSON.stringify(goodClaims())
  const texts = [
    'null',
    '[]',
    '1',
    '"x"',
    '{}',
    '',
    '{',
    `${payload}x`,
    `[${payload}]`,
    `\ufeff${payload}`,
    `/**/${payload}`,
  ]
  const deep = `${payload.slice(0, -1)},"x":${'['.repeat(40)}${']'.repeat(40)}}`
  const broken = Buffer.from(payload)
  broken[broken.indexOf('p-1')] = 0xff
  await refusesOnly({
    ...Object.fromEntries(texts.map(text => [`payload ${text.slice(0, 9)}`, signedText(own, header, text)])),
    ...Object.fromEntries(
      ['null', '[]', `[${header}]`, `\ufeff${header}`].map(text => [
        `header ${text.slice(0, 9)}`,
        signedText(own, text, payload),
      ]),
    ),
    'too deep': signedText(own, header, deep),
    'no UTF-8': signedText(own, header, broken),
    'the form of five parts': `${place.token()}.a.b`,
    'the JSON form': JSON.stringify(
      Object.fromEntries(partsOf(place.token()).map((part, n) => [['protected', 'payload', 'signature'][n], part])),
    ),
  })
})

test('a token lives for 15 minutes at most, and clocks may differ by 5 seconds', async () => {
  const { place, own, goodHeader, goodClaims, claimed, isIn, refusesOnly } = forgery
  const now = Math.floor(place.clock.nowMs() / 1_000)
  await refusesOnly({
    expired: claimed({ iat: now - 600, exp: now - 6 }),
    'lives too long': claimed({ iat: now, exp: now + 901 }),
    'lives too long, seen late': claimed({ iat: now - 3_000, exp: now + 60 }),
    'from the future': claimed({ iat: now + 10, exp: now + 600 }),
    'not yet good': claimed({ nbf: now + 10 }),
    'over before it began': claimed({ iat: now + 3, exp: now + 2 }),
    'no exp': claimed({ exp: undefined }),
    'no iat': claimed({ iat: undefined }),
    ...Object.fromEntries(
      ['exp', 'iat', 'nbf'].flatMap(name =>
        [null, '', String(now + 60), [now + 60], { now }, true].map(value => [
          `${name} ${JSON.stringify(value)}`,
          claimed({ [name]: value }),
        ]),
      ),
    ),
  })
  const header = JSON.stringify({ alg: 'ES256', ...goodHeader() })
  const endless = (from: string, to: string) =>
    signedText(
      own,
      header,
      JSON.stringify(goodClaims({ iat: 1, exp: 2 })).replace('"iat":1,"exp":2', `"iat":${from},"exp":${to}`),
    )
  await refusesOnly({
    'exp without an end': endless(String(now), '1e999'),
    'both without an end': endless('1e999', '1e999'),
    'without a beginning': endless('-1e999', String(now + 60)),
  })
  assert.ok(await isIn(claimed({ iat: now, exp: now + 900 })))
  assert.ok(await isIn(claimed({ iat: now - 600, exp: now - 3 })), 'within the tolerance')
  assert.ok(await isIn(claimed({ iat: now + 4, exp: now + 600, nbf: now + 4 })), 'within the tolerance')
})

test('a token that was good ends with its time', async () => {
  await using passing = await openOidcPlace()
  const token = passing.token()
  assert.ok(await passing.identity.identify(token, 'r'))
  passing.clock.advance(604_000)
  assert.ok(await passing.identity.identify(token, 'r'))
  passing.clock.advance(2_000)
  assert.equal(await passing.identity.identify(token, 'r'), undefined)
})

test('a token names itself and its subject, in letters that fit the trail', async () => {
  const { claimed, isIn, refusesOnly } = forgery
  const subjects = [
    undefined,
    null,
    '',
    7,
    ['p-1'],
    'a b',
    'a@example.com',
    'имя',
    'a\u0000',
    'x'.repeat(65),
    "a'",
    '__proto__ ',
  ]
  const ids = [undefined, null, '', 7, ['j'], 'a b', '*', 'x'.repeat(129), 'j\n']
  await refusesOnly({
    ...Object.fromEntries(subjects.map(sub => [`sub ${JSON.stringify(sub)}`, claimed({ sub })])),
    ...Object.fromEntries(ids.map(jti => [`jti ${JSON.stringify(jti)}`, claimed({ jti })])),
    'a subject too long for its prefix': claimed({ sub: 'x'.repeat(54) }),
  })
  assert.ok(await isIn(claimed({ sub: 'x'.repeat(53) })))
})

test('a token has at most 4,096 characters', async () => {
  const { claimed, isIn, refusesOnly } = forgery
  const bare = claimed({ x: '' }).length
  const filled = (characters: number) => claimed({ x: 'x'.repeat(Math.floor(((characters - bare) * 3) / 4)) })
  const longest = filled(4_096)
  assert.ok(longest.length > 4_080 && longest.length <= 4_096, String(longest.length))
  assert.ok(await isIn(longest))
  await refusesOnly({ 'too long': filled(4_110) })
})
