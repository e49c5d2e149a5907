import type { Request } from 'express'
import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { Vault } from '../guards/vault.ts'

/** The scheme by its name (RFC 9110, 11.1: in any case), one space, and a token without blanks. */
const bearer = /^Bearer ([\x21-\x7e]{1,4096})$/i

type Asked = Pick<Vault, 'identity' | 'denials' | 'clock'>

/**
 * Credential to caller; nothing is cached. A caller who was refused too often in this minute is turned away before any look-up.
 *
 * @throws {VaultError} credential.missing, credential.invalid - counted, since nobody is known to have an entry
 * @throws {VaultError} budget.denials - counted; the minute's count is one entry
 */
export async function authenticate(vault: Asked, req: Request, requestId: string): Promise<Caller> {
  const caller = await identify(vault, req.headers.authorization, requestId)
  const nowMs = vault.clock.nowMs()
  if (vault.denials.turnAway(caller, nowMs)) {
    throw new VaultError('budget.denials', { retryAfterSeconds: 60 - (Math.floor(nowMs / 1_000) % 60) })
  }
  return caller
}

/** The person beside the caller, for actions that need two; undefined where the header is absent. */
export async function authenticateSecond(vault: Asked, req: Request, requestId: string): Promise<Caller | undefined> {
  const header = req.headers['vault-second-authorization']
  return header === undefined ? undefined : await identify(vault, String(header), requestId)
}

async function identify(vault: Asked, header: string | undefined, requestId: string): Promise<Caller> {
  const token = header === undefined ? undefined : bearer.exec(header)?.[1]
  const caller = token === undefined ? undefined : await vault.identity.identify(token, requestId)
  if (caller) return caller
  vault.denials.countAnonymous(vault.clock.nowMs())
  throw new VaultError(header === undefined ? 'credential.missing' : 'credential.invalid')
}
