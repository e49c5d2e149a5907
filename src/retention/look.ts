import type { Answer } from '../domain/answer.ts'
import type { Document, StoredDocument } from '../domain/document.ts'
import { judge, type Retention, retentionOf } from '../domain/retention.ts'
import { closedSince, isUnanswered, isWhollyHeld, type Subject } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import type { Change } from '../ports/ledger.ts'

/** What is still being stored, or waits for somebody else, is looked at again after this. */
const soonMs = 3_600_000

/** What a look at all papers of one subject found. */
export interface Look {
  readonly due: readonly { readonly document: StoredDocument; readonly retention: Retention }[]
  /** Papers whose policy version is not known: nobody may destroy them, and somebody must look. */
  readonly unknown: number
  /** When to look again: when the next of the others is due, or as before for an unknown one; absent when none will be due. */
  readonly nextMs?: number
  /** Nothing is left of this subject. */
  readonly isEmpty: boolean
}

/** Judges every paper of a subject as of an instant. @param live as `livePapers` gives them */
export function look(tenant: Tenant, subject: Subject, live: readonly Document[], asOfMs: number): Look {
  const due: { document: StoredDocument; retention: Retention }[] = []
  let [unknown, nextMs] = [0, Number.POSITIVE_INFINITY]
  for (const document of live) {
    if (document.state === 'depositing') nextMs = Math.min(nextMs, asOfMs + soonMs)
    if (document.state !== 'stored') continue
    const retention = retentionOf(tenant, subject, document)
    const verdict = judge(retention, asOfMs)
    if (verdict === 'due' && retention) due.push({ document, retention })
    if (verdict === 'unknown') unknown++
    // It stays where it was in the order of looks: counted as due, and seen again once its policy is back.
    if (verdict === 'unknown') nextMs = Math.min(nextMs, subject.lookAtMs ?? asOfMs + soonMs)
    if (verdict === 'early') nextMs = Math.min(nextMs, retention?.dueAtMs ?? nextMs)
  }
  return { due, unknown, isEmpty: live.length === 0, ...(Number.isFinite(nextMs) ? { nextMs } : {}) }
}

/**
 * What becomes of a subject of which nothing is due: its row says when to look again, or is to be forgotten when nothing is left
 * and the account is closed. A request to be deleted is answered first, and a hold that was told while the last paper was being
 * destroyed is known until it ends.
 *
 * @returns no change when there is nothing to write
 */
export function afterLook(
  subject: Subject,
  { isEmpty, nextMs }: Pick<Look, 'isEmpty' | 'nextMs'>,
  nowMs: number,
): 'forget' | readonly Change[] {
  if (isEmpty && closedSince(subject) !== undefined && !isWhollyHeld(subject)) {
    return isUnanswered(subject) ? lookAgain(subject, nowMs + soonMs) : 'forget'
  }
  return lookAgain(subject, nextMs)
}

/** The end of a subject's row, with its reference. @param answers to its events */
export function forgetting({ tenant, id, version }: Subject, answers: readonly Answer[]): readonly Change[] {
  return [
    { row: 'subject', expected: version, forget: { tenant, id } },
    ...answers.map((row): Change => ({ row: 'answer', expected: row.version, forget: { key: row.key } })),
  ]
}

function lookAgain({ lookAtMs, ...subject }: Subject, nextMs: number | undefined): readonly Change[] {
  if (lookAtMs === nextMs) return []
  const put = { ...subject, ...(nextMs === undefined ? {} : { lookAtMs: nextMs }), version: subject.version + 1 }
  return [{ row: 'subject', expected: subject.version, put }]
}
