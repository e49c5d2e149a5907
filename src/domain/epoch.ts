import type { PersonId, TenantId } from './ids.ts'

/**
 * Where an epoch stands in its life, which only moves on. `active` wraps new data keys · `former` opens what it wrapped while
 * that is wrapped anew · `disabled` opens nothing, and could still be enabled · `ended` can never open anything again.
 */
export const epochStates = ['active', 'former', 'disabled', 'ended'] as const
export type EpochState = (typeof epochStates)[number]

/** What names an epoch: a key of a key file, or the exact ARN of a KMS key. */
export const epochPattern =
  /^(?:docs\/[1-9][0-9]{0,8}|arn:[a-z0-9-]{1,16}:kms:[a-z0-9-]{1,32}:[0-9]{12}:key\/[A-Za-z0-9-]{1,64})$/

/** One tenant's account of one wrapping key; a key that several tenants share has a row for each. */
export interface Epoch {
  readonly tenant: TenantId
  /** As in `WrappedKey.epoch`: `docs/2` of a key file, the exact ARN of a KMS key. */
  readonly epoch: string
  readonly state: EpochState
  /** When the vault first saw it wrap new keys. */
  readonly activeAtMs: number
  /** That two persons want another in its place; only of an active one. */
  readonly asked?: AskedRotation
  /** When new keys under it began to be refused. */
  readonly formerAtMs?: number
  /** When its last row was wrapped anew, or was first looked for and there was none. */
  readonly emptiedAtMs?: number
  /** When it was found for the first time, long enough after, that no row names it. */
  readonly provedAtMs?: number
  readonly disabledAtMs?: number
  /** When its end was ordered, after the second proof. */
  readonly endedAtMs?: number
  /** From when on no copy of anything that it wrapped can be opened, by anybody. */
  readonly deadFromMs?: number
  /** Where the `key.retired` entry of its end stands. */
  readonly retired?: { readonly log: string; readonly index: number }
  readonly version: number
}

/** A decision of two persons to begin a new epoch in the place of one. */
export interface AskedRotation {
  readonly by: PersonId
  readonly second: PersonId
  readonly atMs: number
  /** Where the entry stands that granted it. */
  readonly trail: { readonly log: string; readonly index: number }
}

/** How long such a decision waits to be carried out: who comes later asks two persons again. */
export const rotationStandsMs = 24 * 3_600_000

/** Whether two persons want another in its place, and not too long ago. */
export function isAsked({ state, asked }: Epoch, nowMs: number): boolean {
  return state === 'active' && asked !== undefined && nowMs < asked.atMs + rotationStandsMs
}

/** The first proof that no row names an epoch comes this long after its last row went: every upload has ended by then. */
export const firstProofAfterMs = 10 * 60_000
/** The second comes after the key was disabled for this long: whoever still needed it has been heard of by then. */
export const secondProofAfterMs = 24 * 3_600_000

/** The next thing to be done about an epoch, or `wait` until a time, or nothing. */
export type EpochStep =
  | { readonly step: 'replace' | 'rewrap' | 'prove' | 'disable' | 'end' }
  | { readonly step: 'wait'; readonly untilMs: number }
  | { readonly step: 'none' }

/**
 * What an epoch's row asks for. Whether rows under it are left is for whoever does the step to find; `rewrap` is asked for
 * until none was found.
 */
export function nextStep(epoch: Epoch, nowMs: number): EpochStep {
  switch (epoch.state) {
    case 'active':
      return { step: isAsked(epoch, nowMs) ? 'replace' : 'none' }
    case 'ended':
      return { step: 'none' }
    case 'former':
      if (epoch.emptiedAtMs === undefined) return { step: 'rewrap' }
      if (epoch.provedAtMs !== undefined) return { step: 'disable' }
      return due('prove', epoch.emptiedAtMs + firstProofAfterMs, nowMs)
    case 'disabled':
      return due('end', (epoch.disabledAtMs ?? nowMs) + secondProofAfterMs, nowMs)
  }
}

function due(step: 'prove' | 'end', fromMs: number, nowMs: number): EpochStep {
  return nowMs >= fromMs ? { step } : { step: 'wait', untilMs: fromMs }
}

/**
 * Whether and when the wrapping key of a document ceased, for the certificate of its erasure: `pending` until its end was
 * ordered, then the time from which no copy of its data key opens, wherever it lies.
 */
export type EpochEnd =
  | { readonly state: 'pending' }
  | {
      readonly state: 'retired'
      readonly fromMs: number
      readonly entry: { readonly log: string; readonly index: number }
    }

/** @param epoch the row of the document's epoch, undefined where none was kept yet */
export function endOf(epoch: Epoch | undefined): EpochEnd {
  if (epoch?.state !== 'ended' || epoch.deadFromMs === undefined || epoch.retired === undefined) {
    return { state: 'pending' }
  }
  return { state: 'retired', fromMs: epoch.deadFromMs, entry: epoch.retired }
}
