import { z } from 'zod'
import type { PurgeRunId } from '../domain/ids.ts'
import { idPatterns } from '../domain/ids.ts'
import { purgeOutcomes } from '../domain/purge-run.ts'
import { grounds, waitsFor } from './retention-schemas.ts'
import { instant } from './schemas.ts'

/** The shapes of purge runs and certificates. */

const time = z.iso.datetime()
const day = z.iso.date()
const count = z.number().int().nonnegative()

export const purgeRunId = z
  .string()
  .regex(idPatterns.uuid)
  .transform(value => value as PurgeRunId)

export const planHash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({
    description: 'Hex SHA-256 over the items in their order, each as canonical JSON (RFC 8785) and a line feed.',
  })

export const newPurgeRun = z
  .discriminatedUnion('step', [
    z.strictObject({
      step: z.literal('plan'),
      asOf: instant
        .optional()
        .meta({ description: 'What is due at this instant, which is not in the future; now when absent.' }),
    }),
    z.strictObject({ step: z.literal('execute'), planHash }),
  ])
  .meta({ id: 'NewPurgeRun' })

export const purgeApproval = z.strictObject({ planHash }).meta({ id: 'PurgeApproval' })

export const purgeRunView = z
  .object({
    id: z.string(),
    state: z.enum(['planned', 'approved', 'requested', 'executing', 'done', 'stale']),
    asOf: time,
    planHash: z.string(),
    count,
    late: count.optional().meta({
      description:
        'So many of the list are due only by what was told late: the plan waits until another person approved it.',
    }),
    plannedBy: z.string(),
    plannedAt: time,
    expiresAt: time,
    approvedBy: z.string().optional(),
    requestedBy: z.string().optional(),
    endedAt: time.optional(),
    destroyed: count.meta({ description: 'So far.' }),
    spared: count.meta({ description: 'Held, early, late, changed or gone when they were looked at again.' }),
    failed: count.meta({ description: 'To be tried again by a later run.' }),
    version: count,
  })
  .meta({ id: 'PurgeRun' })

export const purgeItemView = z
  .object({
    document: z.string(),
    subject: z.string(),
    subjectVersion: count,
    documentVersion: count,
    ground: grounds,
    basis: z.string(),
    dueOn: day,
    policyVersion: count,
    waits: waitsFor.optional(),
    outcome: z.enum(purgeOutcomes).optional(),
  })
  .meta({ id: 'PurgeItem', description: 'Without outcome exactly what the hash of the plan is over.' })

export const clockTrustView = z.object({ now: time, trusted: z.boolean() }).meta({ id: 'ClockTrust' })

const horizon = z.object({ by: time, passed: z.boolean() })

export const certificateView = z
  .object({
    document: z.string(),
    subject: z.string().meta({ description: 'The uuid under which the trail names the person; no reference is kept.' }),
    type: z.string(),
    kind: z.enum(['lapse', 'erasure']),
    basis: z.string().meta({ description: '<ground>:<legal basis> of a lapse, the code of the reason of an erasure.' }),
    dueOn: day,
    policyVersion: count,
    storedAt: time,
    closedAt: time.optional(),
    destroyedAt: time,
    run: z.string().optional(),
    state: z.enum(['pending', 'final']).meta({ description: 'pending until every horizon has passed.' }),
    live: horizon.meta({ description: 'From then on no instance of the vault opens it.' }),
    backups: horizon.meta({
      description: 'From then on every backup of the wrapped keys from before its destruction is gone.',
    }),
    epoch: z.object({
      name: z.string(),
      retired: horizon
        .extend({ log: z.string(), index: count })
        .optional()
        .meta({ description: 'The end of the wrapping key: from then on no copy opens, wherever it leaked.' }),
    }),
    trail: z.object({ log: z.string(), index: count, leafHash: z.string() }),
  })
  .meta({ id: 'Certificate' })
