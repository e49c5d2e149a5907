import { answerOf, type DeletionAnswer, type PaperOutcome, paperOutcome } from '../domain/deletion.ts'
import type { Document } from '../domain/document.ts'
import type { DocumentId, PersonId, SubjectId, TenantId } from '../domain/ids.ts'
import { answersOverdueBeforeMs, deletionAnswerDueMs } from '../domain/retention.ts'
import { type Subject, unansweredSince } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { livePapers } from '../guards/live-papers.ts'
import type { Vault } from '../guards/vault.ts'

const atOnce = 100
/** What only a hold keeps is waited for until a day before the answer is due: it may be released in time. */
const lastCallMs = 86_400_000

/** What one run came to. */
export interface DeletionAnswers {
  readonly answered: number
  /** Beyond their time without an answer: nobody can say what becomes of a paper, and an operator must look. */
  readonly overdue: number
}

/**
 * Gives every person who asked to be deleted, and whose account is closed, the answer as soon as it can be given: of each paper
 * that it is or will be shredded by the day the answer is due, or under which basis it is kept and until when. The entry of the
 * answer holds numbers, codes and days; what it says of each paper is told by the subject's view. While the account is open
 * there is nothing to decide: all of it is kept for the relationship, and the time begins with the closure.
 */
export async function answerDeletions(vault: Vault, tenantId: TenantId, signal: AbortSignal): Promise<DeletionAnswers> {
  const tenant = vault.tenants.get(tenantId)
  const run = { answered: 0, overdue: 0 }
  let after: SubjectId | undefined
  while (tenant && !signal.aborted) {
    const page = after === undefined ? { limit: atOnce } : { after, limit: atOnce }
    const subjects = await vault.ledger.unansweredSubjects(tenantId, page)
    for (const subject of subjects) {
      if (signal.aborted) return run
      const dueMs = deletionAnswerDueMs(tenant, subject)
      if (dueMs === undefined) continue
      const isAnswered = await answerOne(vault, tenant, subject, dueMs)
      if (isAnswered) run.answered++
      else if (vault.clock.nowMs() >= dueMs) run.overdue++
    }
    if (subjects.length < atOnce) break
    after = subjects.at(-1)?.id
  }
  if (run.overdue > 0)
    vault.log.error('answers to requests to be deleted are overdue', { tenant: tenantId, count: run.overdue })
  return run
}

/** How many people of a tenant should have had their answer by now; those whose account is open are not among them. */
export async function countOverdueAnswers(
  { ledger, clock }: Pick<Vault, 'ledger' | 'clock'>,
  tenant: Tenant,
): Promise<number> {
  const beforeMs = answersOverdueBeforeMs(tenant, clock.nowMs())
  return beforeMs === undefined ? 0 : ledger.countUnanswered(tenant.id, beforeMs)
}

async function answerOne(vault: Vault, tenant: Tenant, seen: Subject, dueMs: number): Promise<boolean> {
  // Read before the papers, whose every move moves its version too.
  const subject = await vault.ledger.findSubjectById(tenant.id, seen.id)
  const askedAtMs = subject && unansweredSince(subject)
  // A platform's clock may run ahead, and an answer is one to what was asked before it.
  if (!subject || askedAtMs === undefined || askedAtMs > vault.clock.nowMs()) return false
  const answer = decided(tenant, subject, await papersOf(vault, subject))
  if (!answer || (answer.held > 0 && vault.clock.nowMs() < dueMs - lastCallMs)) return false
  const { grant } = await admit(vault, answerer(vault, tenant.id), {
    action: 'deletion.answer',
    resource: { known: true },
    subject: subject.id,
    detail: { ...answer, policy: tenant.version, asked: new Date(askedAtMs).toISOString() },
  })
  try {
    const deletionAnswered = { askedAtMs, answeredAtMs: vault.clock.nowMs() }
    const put: Subject = { ...subject, deletionAnswered, version: subject.version + 1 }
    const committed = await vault.ledger.commit(grant, [{ row: 'subject', expected: subject.version, put }])
    await close(vault, grant, committed.done ? { out: 'done' } : { out: 'error', why: 'ledger.conflict' })
    return committed.done
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    vault.log.warn('request to be deleted not answered', { code: codeOf(error), tenant: tenant.id })
    return false
  }
}

/** Undefined while nobody can say what becomes of one of them. */
function decided(tenant: Tenant, subject: Subject, papers: readonly Document[]): DeletionAnswer | undefined {
  const outcomes: PaperOutcome[] = []
  for (const paper of papers) {
    const outcome = paperOutcome(tenant, subject, paper)
    if (!outcome) return undefined
    outcomes.push(outcome)
  }
  return answerOf(outcomes)
}

/** Everything that is or was of the person, attempts under way included. */
async function papersOf(vault: Vault, { tenant, id }: Subject): Promise<readonly Document[]> {
  const papers = new Map((await livePapers(vault, tenant, id)).map(paper => [paper.id, paper]))
  let after: DocumentId | undefined
  for (;;) {
    const page = after === undefined ? { limit: atOnce } : { after, limit: atOnce }
    const found = await vault.ledger.listDocuments(tenant, id, page)
    for (const paper of found) papers.set(paper.id, paper)
    if (found.length < atOnce) return [...papers.values()]
    after = found.at(-1)?.id
  }
}

function answerer(vault: Pick<Vault, 'instance'>, tenant: TenantId) {
  return {
    kind: 'job' as const,
    id: 'vault-answer-deletions' as PersonId,
    tenant,
    roles: ['system' as const],
    auth: 'system' as const,
    credential: 'answer-deletions',
    requestId: `answer-deletions-${vault.instance}`,
  }
}
