import { z } from 'zod'
import { epochPattern, epochStates } from '../domain/epoch.ts'
import { guarded } from './route.ts'
import { time } from './schemas.ts'

const keys = '/v1/keys'
const count = z.number().int().nonnegative()

const epochView = z
  .object({
    epoch: z.string().meta({ description: 'docs/2 of a key file, the exact ARN of a KMS key.' }),
    state: z.enum(epochStates),
    keys: count.optional().meta({
      description:
        'Data keys of the platform that are under it now; what is left to be wrapped anew. Not in the answer to a rotation.',
    }),
    activeAt: time.optional(),
    asked: z
      .object({ by: z.string(), second: z.string(), at: time })
      .optional()
      .meta({ description: 'Two persons want another in its place.' }),
    formerAt: time.optional(),
    emptiedAt: time.optional(),
    provedAt: time.optional(),
    disabledAt: time.optional(),
    endedAt: time.optional(),
    deadFrom: time.optional().meta({ description: 'From when on no copy of anything that it wrapped opens.' }),
    next: z
      .object({ step: z.enum(['replace', 'rewrap', 'prove', 'disable', 'end', 'wait']), from: time.optional() })
      .optional(),
  })
  .meta({ id: 'Epoch' })

const newRotation = z
  .strictObject({
    epoch: z.string().regex(epochPattern).meta({ description: 'The active one, which is to be replaced.' }),
  })
  .meta({ id: 'NewRotation' })

export const listKeysRoute = guarded({
  method: 'get',
  path: keys,
  id: 'listKeys',
  action: 'key.read',
  summary: 'The wrapping keys of the platform, and how far each has come',
  description:
    'No key is in it: an epoch is the name of one. All of them, a handful; keys falls to 0 while they are wrapped anew.',
  answers: {
    200: { description: 'By name.', schema: z.object({ items: z.array(epochView) }).meta({ id: 'EpochList' }) },
  },
  refusals: ['keys.unavailable'],
  verb: async () => (await import('../access/list-epochs.ts')).listEpochs,
  handle: async ({ vault }, { caller }, listEpochs) => ({ kind: 'json', body: await listEpochs(vault, caller) }),
})

export const askRotationRoute = guarded({
  method: 'post',
  path: '/v1/keys/rotations',
  id: 'askRotation',
  action: 'key.rotate',
  summary: 'Have a new wrapping key made in the place of the active one; a second person stands beside',
  description:
    'The decision is on record with the answer. An embedded vault makes the key within five minutes and wraps every data key ' +
    'anew; where KMS keeps the keys an operator makes it, within a day: keys rotate --asked. Papers are not touched.',
  headers: ['Idempotency-Key', 'Vault-Second-Authorization', 'Vault-Approval'],
  body: { json: newRotation },
  answers: {
    202: {
      description: 'The epoch, to be followed at the location.',
      schema: epochView,
      headers: ['Location', 'Idempotent-Replayed'],
    },
  },
  refusals: ['keys.rotating', 'keys.unavailable', 'keys.refused', 'ledger.conflict'],
  verb: async () => (await import('../access/ask-rotation.ts')).askRotation,
  handle: async ({ vault }, { caller, body: { epoch }, beside, idempotency }, askRotation) => ({
    kind: 'answered',
    answered: await askRotation(vault, caller, { epoch, ...beside, idempotency }),
  }),
})
