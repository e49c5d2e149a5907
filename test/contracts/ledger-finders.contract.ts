import assert from 'node:assert/strict'
import type { DepositingDocument, Document, StoredDocument } from '../../src/domain/document.ts'
import type { SubjectId, TenantId } from '../../src/domain/ids.ts'
import type { Review } from '../../src/domain/review.ts'
import type { Subject } from '../../src/domain/subject.ts'
import type { Change, Ledger, Page } from '../../src/ports/ledger.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { type LedgerSuite, promiseOf } from './ledger-promise.ts'
import {
  abandoned,
  aDesk,
  aDocument,
  anAnswer,
  anApiKey,
  aReview,
  aSubject,
  elsewhere,
  here,
  purged,
  purging,
  stored,
} from './ledger-rows.ts'

/** Lists, pages and the walls between tenants: the second half of what every Ledger promises. */
export function ledgerFindersContract(...suite: LedgerSuite): void {
  const promise = promiseOf(...suite)

  promise('documents of a subject are listed once they show, ascending, page after page', async ledger => {
    const subject = aSubject().id
    const shown = await Promise.all(Array.from({ length: 7 }, () => store(ledger, aDocument({ subject }))))
    const gone = await destroy(ledger, await store(ledger, aDocument({ subject })))
    const going = purging(await store(ledger, aDocument({ subject })))
    await ledger.commit(rawGrant, [{ row: 'document', expected: 2, put: going }])
    await begin(ledger, aDocument({ subject }))
    await abandon(ledger, aDocument({ subject }))
    await store(ledger, aDocument())
    const pages = await allPages<Document>(page => ledger.listDocuments(here, subject, page), 4)
    assert.deepEqual(pages, byId([...shown, gone, going]))
  })

  promise('reviews of one state are listed ascending, page after page', async ledger => {
    const pending = Array.from({ length: 7 }, () => aReview())
    const approved = aReview({ state: 'approved' })
    const foreign = aReview({ tenant: elsewhere })
    for (const put of [...pending.toReversed(), approved, foreign]) {
      await ledger.commit(rawGrant, [{ row: 'review', expected: 0, put }])
    }
    assert.deepEqual(await allPages<Review>(page => ledger.listReviews(here, 'pending', page), 3), byId(pending))
    assert.deepEqual(await allPages<Review>(page => ledger.listReviews(here, 'approved', page), 3), [approved])
    assert.deepEqual(await allPages<Review>(page => ledger.listReviews(here, 'rejected', page), 3), [])
    assert.deepEqual(await allPages<Review>(page => ledger.everyReview(here, page), 3), byId([...pending, approved]))
  })

  promise('a review that was decided moves from one list to the other', async ledger => {
    const review = aReview()
    await ledger.commit(rawGrant, [{ row: 'review', expected: 0, put: review }])
    const decided = { ...review, state: 'approved' as const, version: 2 }
    await ledger.commit(rawGrant, [{ row: 'review', expected: 1, put: decided }])
    assert.deepEqual(await ledger.listReviews(here, 'pending', { limit: 9 }), [])
    assert.deepEqual(await ledger.listReviews(here, 'approved', { limit: 9 }), [decided])
  })

  promise('every document in every state is walked, page after page', async ledger => {
    const open = aDocument()
    await begin(ledger, open)
    const kept = await store(ledger, aDocument())
    const gone = await destroy(ledger, await store(ledger, aDocument()))
    const left = await abandon(ledger, aDocument())
    await begin(ledger, aDocument({ tenant: elsewhere }))
    assert.deepEqual(
      await allPages<Document>(page => ledger.everyDocument(here, page), 2),
      byId([open, kept, gone, left]),
    )
  })

  promise('every subject is walked, page after page', async ledger => {
    const all = Array.from({ length: 5 }, () => aSubject())
    for (const put of [...all, aSubject({ tenant: elsewhere })]) {
      await ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put }])
    }
    assert.deepEqual(await allPages<Subject>(page => ledger.everySubject(here, page), 2), byId(all))
  })

  promise('API keys of a tenant are listed ascending, page after page', async ledger => {
    const all = Array.from({ length: 5 }, () => anApiKey())
    for (const put of [...all, anApiKey({ tenant: elsewhere })]) {
      await ledger.commit(rawGrant, [{ row: 'key', expected: 0, put }])
    }
    const seen = []
    for (let page = await ledger.listApiKeys(here, { limit: 2 }); page.length > 0; ) {
      seen.push(...page)
      page = await ledger.listApiKeys(here, { after: page.at(-1)?.keyId ?? '', limit: 2 })
    }
    assert.deepEqual(
      seen,
      all.toSorted((a, b) => (a.keyId < b.keyId ? -1 : 1)),
    )
  })

  promise(
    'deposits are overdue before the instant and not at it, abandoned ones always, oldest first',
    async ledger => {
      const late = aDocument({ deadlineMs: 200 })
      const later = aDocument({ deadlineMs: 300 })
      const onTime = aDocument({ deadlineMs: 400 })
      const foreign = aDocument({ deadlineMs: 1, tenant: elsewhere })
      for (const document of [onTime, later, foreign, late]) await begin(ledger, document)
      const left = await abandon(ledger, aDocument({ deadlineMs: 9 }), 250)
      const future = await abandon(ledger, aDocument({ deadlineMs: 9 }), 9_000)
      await store(ledger, aDocument({ deadlineMs: 1 }))
      assert.deepEqual(await ledger.listOverdue(here, 400, 10), [late, left, later, future])
      assert.deepEqual(await ledger.listOverdue(here, 400, 2), [late, left])
      assert.deepEqual(await ledger.listOverdue(here, 401, 10), [late, left, later, onTime, future])
    },
  )

  promise('answers are expired before the instant and not at it, oldest first', async ledger => {
    const ends = [300, 100, 200].map(expiresAtMs => anAnswer({ expiresAtMs }))
    for (const put of [...ends, anAnswer({ expiresAtMs: 1, tenant: elsewhere })]) {
      await ledger.commit(rawGrant, [{ row: 'answer', expected: 0, put }])
    }
    assert.deepEqual(await ledger.listExpiredAnswers(here, 300, 10), [ends[1], ends[2]])
    assert.deepEqual(await ledger.listExpiredAnswers(here, 301, 1), [ends[1]])
  })

  promise('every answer of a tenant is walked by its key, open and done, page after page', async ledger => {
    const all = Array.from({ length: 5 }, () => anAnswer())
    for (const put of [...all, anAnswer({ tenant: elsewhere })]) {
      await ledger.commit(rawGrant, [{ row: 'answer', expected: 0, put }])
    }
    const seen = []
    for (let page = await ledger.everyAnswer(here, { limit: 2 }); page.length > 0; ) {
      seen.push(...page)
      page = await ledger.everyAnswer(here, { after: page.at(-1)?.key ?? '', limit: 2 })
    }
    assert.deepEqual(
      seen,
      all.toSorted((one, other) => (one.key < other.key ? -1 : 1)),
    )
  })

  promise('blobs are named by documents of any tenant in every state but purged', async ledger => {
    const open = aDocument()
    await begin(ledger, open)
    const kept = await store(ledger, aDocument({ tenant: elsewhere }))
    const left = await abandon(ledger, aDocument())
    const gone = await store(ledger, aDocument())
    await destroy(ledger, gone)
    const unknown = aDocument().blobKey
    const asked = [open, kept, left, gone].map(document => document.blobKey)
    const named = await ledger.namedBlobs([...asked, unknown, kept.blobKey])
    assert.deepEqual([...named].sort(), [open.blobKey, kept.blobKey, left.blobKey].sort())
    assert.deepEqual(await ledger.namedBlobs([]), new Set())
  })

  promise('the tenants are those that have a row of any kind', async ledger => {
    const rows = (tenant: string): Change[] => [
      { row: 'document', expected: 0, put: aDocument({ tenant: tenant as TenantId }) },
    ]
    for (const tenant of ['t3', 't1', 't2']) await ledger.commit(rawGrant, [...rows(tenant), ...rows(tenant)])
    await ledger.commit(rawGrant, [{ row: 'key', expected: 0, put: anApiKey({ tenant: 'only-key' as TenantId }) }])
    await ledger.commit(rawGrant, [
      { row: 'answer', expected: 0, put: anAnswer({ tenant: 'only-answer' as TenantId }) },
    ])
    await ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put: aSubject({ tenant: 't2' as TenantId }) }])
    assert.deepEqual(await ledger.tenants(), ['only-answer', 'only-key', 't1', 't2', 't3'])
  })

  promise('no finder that names a tenant shows a row of another', async ledger => {
    const document = await store(ledger, aDocument())
    const subject = aSubject({ id: document.subject })
    const review = aReview({ document: document.id })
    const desk = aDesk()
    await ledger.commit(rawGrant, [
      { row: 'subject', expected: 0, put: subject },
      { row: 'review', expected: 0, put: review },
      { row: 'desk', expected: 0, put: desk },
      { row: 'answer', expected: 0, put: anAnswer({ expiresAtMs: 1 }) },
      { row: 'key', expected: 0, put: anApiKey() },
    ])
    await begin(ledger, aDocument({ deadlineMs: 1 }))
    const found = await Promise.all([
      ledger.findDocument(elsewhere, document.id),
      ledger.findUpload(elsewhere, document.subject, document.uploadMac),
      ledger.findSubject(elsewhere, subject.reference),
      ledger.findSubjectById(elsewhere, subject.id),
      ledger.findReview(elsewhere, review.id),
      ledger.findReviewOf(elsewhere, document.id),
      ledger.findDesk(elsewhere, desk.person),
    ])
    assert.ok(found.every(row => row === undefined))
    const page = { limit: 10 }
    const listed = await Promise.all([
      ledger.listDocuments(elsewhere, document.subject as SubjectId, page),
      ledger.listReviews(elsewhere, 'pending', page),
      ledger.listApiKeys(elsewhere, page),
      ledger.listOverdue(elsewhere, 1_000_000, 10),
      ledger.listExpiredAnswers(elsewhere, 1_000_000, 10),
      ledger.findSubjects(elsewhere, [subject.id]),
      ledger.reviewsOf(elsewhere, [document.id]),
      ledger.liveDocumentsOf(elsewhere, [document.subject], page),
      ledger.answersOf(elsewhere, { documents: [document.id] }),
      ledger.everyDocument(elsewhere, page),
      ledger.everySubject(elsewhere, page),
      ledger.everyReview(elsewhere, page),
      ledger.everyAnswer(elsewhere, page),
    ])
    assert.deepEqual(listed.flat(), [])
  })
}

async function begin(ledger: Ledger, put: DepositingDocument): Promise<void> {
  assert.ok((await ledger.commit(rawGrant, [{ row: 'document', expected: 0, put }])).done)
}

async function store(ledger: Ledger, document: DepositingDocument): Promise<StoredDocument> {
  await begin(ledger, document)
  const put = stored(document)
  assert.ok((await ledger.commit(rawGrant, [{ row: 'document', expected: 1, put }])).done)
  return put
}

async function abandon(ledger: Ledger, document: DepositingDocument, atMs?: number) {
  await begin(ledger, document)
  const put = abandoned(document, atMs)
  assert.ok((await ledger.commit(rawGrant, [{ row: 'document', expected: 1, put }])).done)
  return put
}

async function destroy(ledger: Ledger, document: StoredDocument) {
  const third = purging(document)
  const fourth = purged(third)
  for (const put of [third, fourth]) {
    assert.ok((await ledger.commit(rawGrant, [{ row: 'document', expected: put.version - 1, put }])).done)
  }
  return fourth
}

async function allPages<Row extends { readonly id: string }>(
  list: (page: Page<Row['id']>) => Promise<readonly Row[]>,
  limit: number,
): Promise<readonly Row[]> {
  const seen: Row[] = []
  let rows = await list({ limit })
  while (rows.length > 0) {
    assert.ok(rows.length <= limit)
    seen.push(...rows)
    const last = rows.at(-1)
    rows = last === undefined ? [] : await list({ after: last.id, limit })
  }
  return seen
}

function byId<Row extends { readonly id: string }>(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
