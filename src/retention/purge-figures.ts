import type { DocumentId } from '../domain/ids.ts'
import { purgeLimits } from '../domain/purge-run.ts'
import type { Tenant } from '../domain/tenant.ts'
import { isClockTrusted } from '../guards/trusted-clock.ts'
import type { Vault } from '../guards/vault.ts'

const dayMs = 86_400_000
const runsLookedAt = 20
/** So many papers at most are given up and not destroyed yet, before something is badly wrong. */
const mostPurging = 2_560

/** How the purge of one tenant stands, in numbers. */
export interface PurgeFigures {
  /** Persons of whom a paper may be due, and those for more than a day. */
  readonly due: number
  readonly overdue: number
  /** For how long the first of those that are due has been; 0 when none is. */
  readonly oldestDueSeconds: number
  /** Persons with a hold in force. */
  readonly held: number
  /** Certificates whose keys may lie in a backup still. */
  readonly pendingCertificates: number
  /** Papers that are given up and not destroyed yet; of these, those that failed so often that only a person's plan takes them up. */
  readonly purging: number
  readonly quarantined: number
  /** Papers that came under a version of the policy that is not configured: nobody can say when they are due. */
  readonly policyUnknown: number
  readonly clockTrusted: boolean
  /** When the newest run that is done ended, epoch ms; undefined before the first. */
  readonly lastDoneMs?: number
}

/**
 * Counts by index, so that its cost does not grow with the papers that are kept.
 * @param countPurged what counts tombstones, of which there may be very many
 */
export async function purgeFigures(
  vault: Pick<Vault, 'ledger' | 'clock'>,
  tenant: Tenant,
  countPurged: Vault['ledger']['countPurged'] = (...of) => vault.ledger.countPurged(...of),
): Promise<PurgeFigures> {
  const { ledger } = vault
  const nowMs = vault.clock.nowMs()
  const [due, overdue, held, pendingCertificates, policyUnknown, given, clockTrusted, runs] = await Promise.all([
    ledger.countDue(tenant.id, nowMs),
    ledger.countDue(tenant.id, nowMs - dayMs),
    ledger.countHeld(tenant.id),
    countPurged(tenant.id, nowMs - tenant.purge.keyBackupDays * dayMs),
    ledger.countUnderLaterPolicies(tenant.id, tenant.version),
    countPurging(vault, tenant),
    isClockTrusted(vault, tenant.id),
    ledger.listRuns(tenant.id, { limit: runsLookedAt }),
  ])
  const lastDoneMs = runs.find(({ state }) => state === 'done')?.endedAtMs
  return {
    due: due.count,
    overdue: overdue.count,
    oldestDueSeconds: due.oldestMs === undefined ? 0 : Math.floor((nowMs - due.oldestMs) / 1_000),
    held,
    pendingCertificates,
    policyUnknown,
    ...given,
    clockTrusted,
    ...(lastDoneMs === undefined ? {} : { lastDoneMs }),
  }
}

async function countPurging({ ledger }: Pick<Vault, 'ledger'>, { id }: Tenant) {
  let [purging, quarantined, after] = [0, 0, undefined as DocumentId | undefined]
  while (purging < mostPurging) {
    const page = { limit: purgeLimits.itemsPerPage, ...(after === undefined ? {} : { after }) }
    const documents = await ledger.purgingDocuments(id, page)
    purging += documents.length
    quarantined += documents.filter(one => one.state === 'purging' && one.attempts >= purgeLimits.mostAttempts).length
    after = documents.at(-1)?.id
    if (documents.length < purgeLimits.itemsPerPage) break
  }
  return { purging, quarantined }
}
