import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { SubjectId } from '../domain/ids.ts'
import { earliestLookMs } from '../domain/retention.ts'
import type { Subject } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { alteredVersions, clockMarksOf } from './clock-marks.ts'
import { retentionStateOf, stateChange } from './clock-trust.ts'
import { clockCaller } from './purge-caller.ts'
import { requireRunning } from './stopping.ts'

const subjectsAtOnce = 256
const mostTries = 8
/** Every instance has the new policy by then. */
const rolledOutMs = 86_400_000

export interface Reckoning {
  readonly signal: AbortSignal
  /** Told after each page how many subjects were looked at so far. */
  readonly onProgress?: (subjects: number) => void
}

/**
 * Brings the moment at which the purge looks at each subject up to the tenant's policy of today, before anything is planned
 * by it. Nothing is written for a subject that is right already, so whatever ended it in the middle, it goes on where it was
 * at the cost of reading. Clocks that were altered under the version that papers came under are reckoned anew as well, so that
 * nothing due is forgotten; that a promise was altered is on record and in the log.
 *
 * A day after a change it is done once more: whatever an instance wrote by the former policy meanwhile is put right then. An
 * instance that has a former policy still does nothing, since it would undo a newer one.
 *
 * @returns how many subjects were changed, undefined when they were reckoned by this policy already
 * @throws {VaultError} policy.unknown - a newer policy is in force than this instance has
 * @throws {VaultError} vault.stopping - the signal ended it in the middle
 * @throws {VaultError} ledger.conflict - another instance reckoned at the same time; safe to repeat
 */
export async function reckonDue(vault: Vault, tenant: Tenant, options: Reckoning): Promise<number | undefined> {
  const [state, clocks] = await Promise.all([retentionStateOf(vault, tenant), clockMarksOf(tenant)])
  const altered = alteredVersions(state.clocks ?? {}, clocks)
  if (state.policyVersion > tenant.version) throw new VaultError('policy.unknown')
  const isAgain = state.againMs !== undefined && vault.clock.nowMs() >= state.againMs
  const isReckoned = state.policyVersion === tenant.version && state.clocks !== undefined && altered.length === 0
  if (isReckoned && !isAgain) return undefined
  if (altered.length > 0) {
    vault.log.error('clocks of a policy were altered under their version', { tenant: tenant.id, count: altered.length })
  }
  const { grant } = await admit(vault, clockCaller(vault, tenant.id), {
    action: 'retention.reckon',
    resource: { known: true },
    detail: { policy: tenant.version, former: state.policyVersion, ...(altered.length > 0 ? { altered } : {}) },
  })
  try {
    const changed = await reckonEvery(vault, grant, tenant, options)
    requireRunning(options.signal)
    const { againMs: _, ...rest } = state
    const again = isReckoned || state.policyVersion === 0 ? {} : { againMs: vault.clock.nowMs() + rolledOutMs }
    const learnt = { policyVersion: tenant.version, clocks, ...again }
    const committed = await vault.ledger.commit(grant, [stateChange(rest, learnt)])
    if (!committed.done) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
    await close(vault, grant, { out: 'done', detail: { subjects: changed, policy: tenant.version } })
    return changed
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

async function reckonEvery(
  vault: Vault,
  grant: Grant,
  tenant: Tenant,
  { signal, onProgress }: Reckoning,
): Promise<number> {
  let [seen, changed] = [0, 0]
  let after: SubjectId | undefined
  while (true) {
    requireRunning(signal)
    const page = await vault.ledger.everySubject(tenant.id, {
      limit: subjectsAtOnce,
      ...(after === undefined ? {} : { after }),
    })
    const written = await Promise.all(page.map(subject => reckonOne(vault, grant, tenant, subject)))
    seen += page.length
    changed += written.filter(Boolean).length
    onProgress?.(seen)
    after = page.at(-1)?.id
    if (page.length < subjectsAtOnce) return changed
  }
}

async function reckonOne(vault: Vault, grant: Grant, tenant: Tenant, found: Subject): Promise<boolean> {
  let subject: Subject | undefined = found
  for (let tries = 0; subject && tries < mostTries; tries++) {
    const { lookAtMs, ...rest }: Subject = subject
    const due = earliestLookMs(tenant, subject)
    if (due === lookAtMs) return false
    const put: Subject = { ...rest, ...(due === undefined ? {} : { lookAtMs: due }), version: rest.version + 1 }
    const committed = await vault.ledger.commit(grant, [{ row: 'subject', expected: rest.version, put }])
    if (committed.done) return true
    // It moved meanwhile: whoever moved it may have reckoned by the former policy still.
    subject = await vault.ledger.findSubjectById(tenant.id, found.id)
  }
  if (!subject) return false
  throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
}
