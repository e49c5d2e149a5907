import type { Caller } from '../../src/domain/caller.ts'
import type { CaseReference, DocumentId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import type { PaperType } from '../../src/domain/media.ts'
import type { PurgeRun } from '../../src/domain/purge-run.ts'
import type { SubjectEvent } from '../../src/domain/subject.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { deposit } from '../../src/intake/deposit.ts'
import { recordEvent } from '../../src/intake/record-event.ts'
import { approvePurge } from '../../src/retention/approve-purge.ts'
import { executePurge } from '../../src/retention/execute-purge.ts'
import { planPurge } from '../../src/retention/plan-purge.ts'
import { purgeCaller } from '../../src/retention/purge-caller.ts'
import { callerAs, noisePicture } from './house-work.ts'

export const dayMs = 86_400_000
const noSignal = new AbortController().signal
/** Where the stories of purges begin: the clock of the machine plays no part in them. */
export const bornMs = Date.UTC(2026, 0, 15, 9)

export interface Told {
  readonly type: SubjectEvent['type']
  readonly atMs: number
  readonly case?: string
  readonly tier?: number
}

let told = 0

/** Tells an event of a person, as the platform does. */
export async function tell(vault: Vault, tenant: TenantId, reference: string, event: Told): Promise<void> {
  const idempotency = { scope: `POST /v1/subjects/${reference}/events`, key: `event-${told++}` }
  await recordEvent(vault, callerAs('onboarding', 'onboarding', tenant), {
    reference: reference as SubjectReference,
    event: { ...event, ...(event.case === undefined ? {} : { case: event.case as CaseReference }) } as SubjectEvent,
    idempotency,
  })
}

/** Stores a paper of its own for a person; the same seed makes the same file. */
export async function store(
  vault: Vault,
  tenant: TenantId,
  reference: string,
  seed: number,
  type: PaperType = 'id',
  kind = { id: 'passport', address: 'rental-contract', selfie: 'portrait', payment_ownership: 'bank-statement' }[type],
): Promise<DocumentId> {
  const picture = await noisePicture(seed, 24)
  const answered = await deposit(vault, callerAs('onboarding', 'onboarding', tenant), {
    reference: reference as SubjectReference,
    type,
    kind,
    idempotency: { scope: `POST /v1/subjects/${reference}/documents`, key: `paper-${seed}` },
    collect: async () => Uint8Array.from(picture),
    signal: noSignal,
  })
  return JSON.parse(answered.body).id
}

/**
 * The schedule's plans, made now and executed at once where the tenant lets it; of what was told late once a person approved it.
 *
 * @returns the run that was executed; of two the one that waited for nobody
 */
export async function purgeNow(vault: Vault, tenant: TenantId, caller: Caller = purgeCaller(vault, tenant)) {
  const run = await planPurge(vault, caller, { signal: noSignal })
  const done = run && (await executePurge(vault, caller, { run: run.id, signal: noSignal }))
  const late = (await vault.ledger.openRuns(tenant)).find(one => one.late !== undefined)
  if (!late) return done
  await approvePurge(vault, callerAs('dpo', 'dpo', tenant), { run: late.id, planHash: late.planHash })
  const approved = await executePurge(vault, caller, { run: late.id, signal: noSignal })
  return done ?? approved
}

/** Every item of a run, with its outcome. */
export async function itemsOf(vault: Vault, run: PurgeRun) {
  const pages = await vault.ledger.listPages(run.tenant, run.id, { limit: 1_000 })
  return pages.flatMap(({ items }) => items)
}
