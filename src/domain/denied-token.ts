import type { TenantId } from './ids.ts'

/**
 * The longest life of a token, how far clocks may differ, and how long a denial is kept: past any token that it could end, and
 * past any approval that was voted for with one.
 */
export const tokenLimits = {
  maxCharacters: 4_096,
  maxLifeMs: 15 * 60_000,
  toleranceMs: 5_000,
  denialKeptMs: 25 * 3_600_000,
} as const

/**
 * What names a token, each anchored and linear: `iss` as a URL; `sub` as the issuer's opaque name of who signed in (no `@`, so never an
 * e-mail address: it gets into the trail), `jti` of one token.
 */
export const tokenPatterns = {
  issuer: /^[\x21-\x7e]{1,256}$/,
  subject: /^[A-Za-z0-9._:|-]{1,64}$/,
  tokenId: /^[A-Za-z0-9._:~+/=-]{1,128}$/,
} as const

/** A token as the deny list knows it; never the token's own text. */
export interface TokenName {
  /** The `iss` claim, a URL. */
  readonly issuer: string
  /** The `sub` claim. */
  readonly subject: string
  /** The `jti` claim. */
  readonly tokenId: string
  /** The `iat` claim in epoch milliseconds. */
  readonly issuedAtMs: number
}

/** One token, or every token of a subject that was issued up to an instant, without force at one tenant from now on. */
export interface DeniedToken {
  /** As `denialIdOf` makes it; unique in the tenant. */
  readonly id: string
  readonly tenant: TenantId
  readonly issuer: string
  readonly subject: string
  /** Absent where every token of the subject is denied. */
  readonly tokenId?: string
  readonly deniedAtMs: number
  /** When no token that it ends can be in force any more: the row may go. */
  readonly expiresAtMs: number
  readonly version: number
}

/** Injective, since neither an issuer's URL, nor a subject, nor a token id holds a blank, and no token id is `*`. */
export function denialIdOf(issuer: string, subject: string, tokenId?: string): string {
  return `${issuer} ${subject} ${tokenId ?? '*'}`
}

/** The ids of the denials that a token has to be asked for: its own, and the one of its subject. */
export function denialIdsFor({ issuer, subject, tokenId }: Omit<TokenName, 'issuedAtMs'>): readonly string[] {
  return [denialIdOf(issuer, subject, tokenId), denialIdOf(issuer, subject)]
}

/**
 * Whether one of these denials ends the token. `iat` has whole seconds of a clock that may be ahead of the vault's: a token
 * counts as issued before a denial unless it is surely from after it, so a subject's new tokens work some seconds later.
 */
export function isDenied(
  denials: readonly DeniedToken[],
  { issuer, subject, tokenId, issuedAtMs }: TokenName,
): boolean {
  return denials.some(
    denial =>
      denial.issuer === issuer &&
      denial.subject === subject &&
      (denial.tokenId === undefined
        ? issuedAtMs <= denial.deniedAtMs + tokenLimits.toleranceMs
        : denial.tokenId === tokenId),
  )
}

/** A token's name as the credential of its bearer. */
export function credentialOf({ issuer, subject, tokenId }: Omit<TokenName, 'issuedAtMs'>): string {
  return denialIdOf(issuer, subject, tokenId)
}

/** The same read back; undefined for the credential of anybody else. */
export function tokenOfCredential(credential: string): Omit<TokenName, 'issuedAtMs'> | undefined {
  const [issuer, subject, tokenId, more] = credential.split(' ')
  if (issuer === undefined || subject === undefined || tokenId === undefined || more !== undefined) return undefined
  return { issuer, subject, tokenId }
}

/** What leaves the vault about a denial. */
export interface DenialView {
  readonly issuer: string
  readonly subject: string
  readonly tokenId?: string
  readonly deniedAt: string
  readonly expiresAt: string
}

/** The view of a denial. */
export function viewDenial({ issuer, subject, tokenId, deniedAtMs, expiresAtMs }: DeniedToken): DenialView {
  return {
    issuer,
    subject,
    ...(tokenId === undefined ? {} : { tokenId }),
    deniedAt: new Date(deniedAtMs).toISOString(),
    expiresAt: new Date(expiresAtMs).toISOString(),
  }
}
