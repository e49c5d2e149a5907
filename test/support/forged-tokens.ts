import assert from 'node:assert/strict'
import { type LocalIssuer, openIssuer, type SigningKey, signedToken } from './local-issuer.ts'
import { type OidcPlace, openOidcPlace, reviewerOf } from './oidc-place.ts'

/** A place to attack: everything that is needed to make tokens that are wrong in one thing only. */
export interface Forgery extends AsyncDisposable {
  readonly place: OidcPlace
  /** An issuer that nobody trusts. */
  readonly attacker: LocalIssuer
  /** The key of the trusted issuer, and one of the attacker's. */
  readonly own: SigningKey
  readonly theirs: SigningKey
  readonly goodHeader: (over?: object) => object
  readonly goodClaims: (over?: object) => object
  /** Signed by the trusted issuer, with these claims, or this header, changed. */
  readonly claimed: (over: object) => string
  readonly headed: (over: object) => string
  readonly isIn: (text: string) => Promise<boolean>
  /** A good token is let in, and none of these is. */
  readonly refusesOnly: (attacks: Readonly<Record<string, string>>) => Promise<void>
}

export async function openForgery(): Promise<Forgery> {
  await using stack = new AsyncDisposableStack()
  const place = stack.use(await openOidcPlace())
  const attacker = stack.use(await openIssuer(() => place.clock.nowMs()))
  const [own] = place.issuer.keys
  const [theirs] = attacker.keys
  assert.ok(own && theirs)
  const goodHeader = (over: object = {}) => ({ typ: 'at+jwt', kid: own.keyId, ...over })
  const goodClaims = (over: object = {}) => {
    const iat = Math.floor(place.clock.nowMs() / 1_000)
    const standard = { iss: place.issuer.url, aud: 'kyc-vault', sub: 'p-1', jti: 'j-1', iat, exp: iat + 600 }
    return { ...standard, ...reviewerOf('omo7777'), ...over }
  }
  const isIn = async (text: string) => (await place.identity.identify(text, 'r')) !== undefined
  const open = stack.move()
  return {
    place,
    attacker,
    own,
    theirs,
    goodHeader,
    goodClaims,
    claimed: over => signedToken(own, goodHeader(), goodClaims(over)),
    headed: over => signedToken(own, goodHeader(over), goodClaims()),
    isIn,
    refusesOnly: async attacks => {
      assert.ok(await isIn(place.token()), 'a good token is refused: the attacks would prove nothing')
      for (const [name, text] of Object.entries(attacks)) assert.equal(await isIn(text), false, name)
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

export const partsOf = (token: string): [string, string, string] => token.split('.') as [string, string, string]
