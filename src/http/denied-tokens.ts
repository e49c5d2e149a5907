import { z } from 'zod'
import { tokenPatterns } from '../domain/denied-token.ts'
import { guarded } from './route.ts'

const tokenToDeny = z
  .strictObject({
    issuer: z.string().regex(tokenPatterns.issuer).meta({ description: 'iss of an issuer of the platform.' }),
    subject: z.string().regex(tokenPatterns.subject).meta({ description: 'sub.' }),
    tokenId: z.string().regex(tokenPatterns.tokenId).optional().meta({
      description: 'jti of one token; without it every token of the subject that was issued up to now is denied.',
    }),
  })
  .meta({ id: 'TokenToDeny' })

const deniedToken = z
  .object({
    issuer: z.string(),
    subject: z.string(),
    tokenId: z.string().optional(),
    deniedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().meta({ description: 'When the denial is forgotten: long after any token it ends.' }),
  })
  .meta({ id: 'DeniedToken' })

export const denyTokenRoute = guarded({
  method: 'post',
  path: '/v1/denied-tokens',
  id: 'denyToken',
  action: 'caller.manage',
  summary:
    'Take a token, or all tokens of a subject, out of force from the next request on; a second person stands beside',
  headers: ['Vault-Second-Authorization', 'Vault-Approval'],
  body: { json: tokenToDeny },
  answers: { 201: { description: 'Denied.', schema: deniedToken } },
  refusals: ['ledger.conflict'],
  verb: async () => (await import('../access/deny-token.ts')).denyToken,
  handle: async ({ vault }, { caller, beside, body: { issuer, subject, tokenId } }, denyToken) => ({
    kind: 'json',
    status: 201,
    body: await denyToken(vault, caller, {
      issuer,
      subject,
      ...(tokenId === undefined ? {} : { tokenId }),
      ...beside,
    }),
  }),
})
