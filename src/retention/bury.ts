import type { DocumentState, PurgedDocument, PurgingDocument } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { Settlement } from '../domain/grant.ts'
import type { SubjectId } from '../domain/ids.ts'
import type { Review } from '../domain/review.ts'
import type { Tenant } from '../domain/tenant.ts'
import { settleAll } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import type { Change } from '../ports/ledger.ts'
import { readFile, type SubjectFile } from './batch-files.ts'
import { certificateOf } from './certificate.ts'
import type { Doomed } from './give-up.ts'
import { afterLook, look } from './look.ts'

const mostTries = 8

interface Certified {
  readonly document: PurgingDocument
  readonly settlement: Settlement
}

/**
 * Puts the certificates on record, one entry for each paper, and then a tombstone in place of each row. What else named the
 * paper goes with it: its review and its idempotency answers; and with the last paper of a closed account the subject's row.
 *
 * @param files of their subjects as they were given up; what has moved since is read again
 * @throws {VaultError} trail.unavailable - nothing is on record: the papers stay `purging`, and are due again
 */
export async function bury(
  vault: Vault,
  tenant: Tenant,
  gone: readonly Doomed[],
  files: ReadonlyMap<SubjectId, SubjectFile> = new Map(),
): Promise<void> {
  if (gone.length === 0) return
  const nowMs = vault.clock.nowMs()
  const settlements = await settleAll(
    vault,
    gone.map(({ document, grant }) => ({
      grant,
      outcome: { out: 'done', detail: certificateOf(document, tenant, nowMs) },
    })),
  )
  const certified = gone.flatMap(({ document }, at): Certified[] =>
    settlements[at] ? [{ document, settlement: settlements[at] }] : [],
  )
  const bySubject = Map.groupBy(certified, ({ document }) => document.subject)
  await Promise.all([...bySubject].map(([id, some]) => buryOne(vault, tenant, id, some, nowMs, files.get(id))))
}

async function buryOne(
  vault: Vault,
  tenant: Tenant,
  id: SubjectId,
  certified: readonly Certified[],
  nowMs: number,
  known: SubjectFile | undefined,
): Promise<void> {
  const [first] = certified
  let unburied = certified
  for (let tries = 0; tries < mostTries; tries++) {
    if (tries > 0) unburied = await stillUnburied(vault, unburied)
    if (!first || unburied.length === 0) return
    const reviews = await Promise.all(unburied.map(({ document }) => vault.ledger.findReviewOf(tenant.id, document.id)))
    const found = await Promise.all([
      ...unburied.map(({ document }) => answerChanges(vault, document)),
      deskChanges(
        vault,
        tenant,
        reviews.filter(review => review !== undefined),
      ),
      subjectChanges(vault, tenant, (tries === 0 && known) || (await readFile(vault, tenant, id, [])), unburied, nowMs),
    ])
    const committed = await vault.ledger.commit(first.settlement, [
      ...unburied.map(one => tombstoneChange(one, nowMs)),
      ...reviews.flatMap((review): readonly Change[] =>
        review ? [{ row: 'review', expected: review.version, forget: { tenant: tenant.id, id: review.id } }] : [],
      ),
      ...withoutRepeats(found.flat()),
    ])
    if (committed.done) return
  }
  throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
}

/** As the rows are now: another instance may have been at the same papers, and its tombstone stands then. */
async function stillUnburied(vault: Vault, certified: readonly Certified[]): Promise<readonly Certified[]> {
  const rows = await Promise.all(certified.map(({ document: { tenant, id } }) => vault.ledger.findDocument(tenant, id)))
  return certified.flatMap((one, at): readonly Certified[] => {
    const document = rows[at]
    return document?.state === 'purging' ? [{ ...one, document }] : []
  })
}

function tombstoneChange({ document, settlement }: Certified, nowMs: number): Change {
  const { id, tenant, subject, type, policyVersion, storedAtMs, purge, version } = document
  const put: PurgedDocument = {
    state: 'purged',
    id,
    tenant,
    subject,
    type,
    policyVersion,
    storedAtMs,
    ...(purge.closedAtMs === undefined ? {} : { closedAtMs: purge.closedAtMs }),
    purgedAtMs: nowMs,
    basis: purge.basis,
    certificate: settlement.outcome,
    version: version + 1,
  }
  return { row: 'document', expected: version, put }
}

async function answerChanges(vault: Vault, { tenant, id }: PurgingDocument): Promise<readonly Change[]> {
  const answers = await vault.ledger.answersOf(tenant, { document: id })
  return answers.map((row): Change => ({ row: 'answer', expected: row.version, forget: { key: row.key } }))
}

/** Whoever had one of these reviews before them has it no more. */
async function deskChanges(vault: Vault, tenant: Tenant, reviews: readonly Review[]): Promise<readonly Change[]> {
  const ids = new Set(reviews.map(({ id }) => id))
  const persons = new Set(reviews.flatMap(({ assignment }) => assignment?.person ?? []))
  const desks = await Promise.all([...persons].map(person => vault.ledger.findDesk(tenant.id, person)))
  return desks.flatMap((desk): readonly Change[] => {
    if (!desk) return []
    const put = { ...desk, open: desk.open.filter(({ review }) => !ids.has(review)), version: desk.version + 1 }
    return [{ row: 'desk', expected: desk.version, put }]
  })
}

async function subjectChanges(
  vault: Vault,
  tenant: Tenant,
  { subject, papers }: SubjectFile,
  certified: readonly Certified[],
  nowMs: number,
): Promise<readonly Change[]> {
  if (!subject) return []
  const buried = new Set<string>(certified.map(({ document }) => document.id))
  const left = [...papers.values()].filter(({ id, state }) => !buried.has(id) && isLive(state))
  const found = look(tenant, subject, left, nowMs)
  // What is due of the rest is looked at by the next plan, which the row asks for already.
  return found.due.length > 0 ? [] : afterLook(vault, subject, found, nowMs)
}

function isLive(state: DocumentState): boolean {
  return state === 'depositing' || state === 'stored' || state === 'purging'
}

/** An answer may be about a paper and its person: it goes once. */
function withoutRepeats(changes: readonly Change[]): readonly Change[] {
  const seen = new Set<string>()
  return changes.filter(change => {
    if (change.row !== 'answer' || !('forget' in change)) return true
    return !seen.has(change.forget.key) && seen.add(change.forget.key)
  })
}
