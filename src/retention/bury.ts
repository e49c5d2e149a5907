import type { Answer } from '../domain/answer.ts'
import type { DocumentState, PurgedDocument, PurgingDocument } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { Settlement } from '../domain/grant.ts'
import type { DocumentId, SubjectId } from '../domain/ids.ts'
import type { Desk, Review } from '../domain/review.ts'
import type { Tenant } from '../domain/tenant.ts'
import { settleAll } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import type { Change } from '../ports/ledger.ts'
import { readFiles, type SubjectFile } from './batch-files.ts'
import { certificateOf } from './certificate.ts'
import type { Doomed } from './give-up.ts'
import { afterLook, forgetting, look } from './look.ts'

const mostTries = 8

interface Certified {
  readonly document: PurgingDocument
  readonly settlement: Settlement
}

/** One person's part of it. */
interface Grave {
  readonly id: SubjectId
  readonly certified: readonly Certified[]
  readonly file: SubjectFile
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
  let graves = await gravesOf(vault, tenant, certified, files)
  for (let tries = 0; tries < mostTries; tries++) {
    const lost = await closeGraves(vault, tenant, graves, nowMs)
    if (lost.length === 0) return
    graves = await gravesOf(vault, tenant, await stillUnburied(vault, lost), new Map())
  }
  throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
}

async function gravesOf(
  vault: Vault,
  tenant: Tenant,
  certified: readonly Certified[],
  known: ReadonlyMap<SubjectId, SubjectFile>,
): Promise<readonly Grave[]> {
  const bySubject = Map.groupBy(certified, ({ document }) => document.subject)
  const unknown = [...bySubject.keys()].filter(id => !known.has(id))
  const read = unknown.length === 0 ? known : await readFiles(vault, tenant, unknown, [])
  const nobody: SubjectFile = { subject: undefined, papers: new Map() }
  return [...bySubject].map(([id, some]) => ({ id, certified: some, file: known.get(id) ?? read.get(id) ?? nobody }))
}

/** One commit for each person. @returns what was certified of those that somebody else moved meanwhile */
async function closeGraves(
  vault: Vault,
  tenant: Tenant,
  graves: readonly Grave[],
  nowMs: number,
): Promise<readonly Certified[]> {
  const fates = graves.map(grave => fateOf(tenant, grave, nowMs))
  const forgotten = graves.filter((_, at) => fates[at] === 'forget').map(({ id }) => id)
  const named = await namedBy(vault, tenant, graves, forgotten)
  const committed = await Promise.all(
    graves.map(async ({ id, certified, file }, at) => {
      const [[first], fate] = [certified, fates[at]]
      if (!first) return { done: true }
      const theirs = fate === 'forget' && file.subject ? forgetting(file.subject, named.told.get(id) ?? []) : []
      return vault.ledger.commit(first.settlement, [
        ...certified.map(one => tombstoneChange(one, nowMs)),
        ...withoutRepeats([...certified.flatMap(({ document }) => leftOf(document, named)), ...theirs]),
        ...deskChanges(certified, named),
        ...(fate === 'forget' || fate === undefined ? [] : fate),
      ])
    }),
  )
  return graves.flatMap(({ certified }, at) => (committed[at]?.done ? [] : certified))
}

/** What becomes of the person: what is due of the rest is looked at by the next plan, which the row asks for already. */
function fateOf(tenant: Tenant, { file: { subject, papers }, certified }: Grave, nowMs: number) {
  if (!subject) return []
  const buried = new Set<string>(certified.map(({ document }) => document.id))
  const left = [...papers.values()].filter(({ id, state }) => !buried.has(id) && isLive(state))
  const found = look(tenant, subject, left, nowMs)
  return found.due.length > 0 ? [] : afterLook(subject, found, nowMs)
}

/** What else names the papers, and the persons that are forgotten. */
interface Named {
  readonly reviews: ReadonlyMap<DocumentId, Review>
  readonly answers: ReadonlyMap<DocumentId | undefined, readonly Answer[]>
  readonly told: ReadonlyMap<SubjectId | undefined, readonly Answer[]>
  readonly desks: readonly Desk[]
}

async function namedBy(
  { ledger }: Vault,
  { id: tenant }: Tenant,
  graves: readonly Grave[],
  forgotten: readonly SubjectId[],
): Promise<Named> {
  const documents = graves.flatMap(({ certified }) => certified.map(({ document }) => document.id))
  const [reviews, answers, told] = await Promise.all([
    ledger.reviewsOf(tenant, documents),
    ledger.answersOf(tenant, { documents }),
    forgotten.length === 0 ? [] : ledger.answersOf(tenant, { subjects: forgotten }),
  ])
  const persons = new Set(reviews.flatMap(({ assignment }) => assignment?.person ?? []))
  const desks = await Promise.all([...persons].map(person => ledger.findDesk(tenant, person)))
  return {
    reviews: new Map(reviews.map(review => [review.document, review])),
    answers: Map.groupBy(answers, ({ document }) => document),
    told: Map.groupBy(told, ({ subject }) => subject),
    desks: desks.filter(desk => desk !== undefined),
  }
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
  const { id, tenant, subject, type, policyVersion, storedAtMs, depositedBy, purge, version } = document
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
    depositedBy,
    ...(purge.decidedBy === undefined ? {} : { decidedBy: purge.decidedBy }),
    certificate: settlement.outcome,
    version: version + 1,
  }
  return { row: 'document', expected: version, put }
}

/** The review and the answers of one paper. */
function leftOf({ tenant, id }: PurgingDocument, { reviews, answers }: Named): readonly Change[] {
  const review = reviews.get(id)
  return [
    ...(review ? [{ row: 'review', expected: review.version, forget: { tenant, id: review.id } } as const] : []),
    ...(answers.get(id) ?? []).map(
      (row): Change => ({ row: 'answer', expected: row.version, forget: { key: row.key } }),
    ),
  ]
}

/** Whoever had one of these reviews before them has it no more. */
function deskChanges(certified: readonly Certified[], { reviews, desks }: Named): readonly Change[] {
  if (desks.length === 0) return []
  const ids = new Set(certified.flatMap(({ document }) => reviews.get(document.id)?.id ?? []))
  return desks.flatMap((desk): readonly Change[] => {
    const open = desk.open.filter(({ review }) => !ids.has(review))
    if (open.length === desk.open.length) return []
    return [{ row: 'desk', expected: desk.version, put: { ...desk, open, version: desk.version + 1 } }]
  })
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
