import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Document, PurgingDocument } from '../../src/domain/document.ts'
import type { DocumentId, SubjectId, TenantId } from '../../src/domain/ids.ts'
import type { Subject } from '../../src/domain/subject.ts'
import type { Change, Ledger, Page } from '../../src/ports/ledger.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { answersWaiting } from './answer-rows.ts'
import { type LedgerSuite, promiseOf } from './ledger-promise.ts'
import {
  abandoned,
  aDocument,
  aHold,
  anAnswer,
  aReview,
  aSubject,
  elsewhere,
  here,
  purged,
  purging,
  stored,
} from './ledger-rows.ts'

type Due = NonNullable<Parameters<Ledger['dueSubjects']>[2]['after']>

/** What the clock of retention asks of every Ledger. */
export function ledgerRetentionContract(...suite: LedgerSuite): void {
  const promise = promiseOf(...suite)

  promise('subjects are due at the instant and after it, earliest first, those of one instant by id', async ledger => {
    const [a, b, c, d] = fourIds()
    const due = [
      aSubject({ id: d, lookAtMs: 100 }),
      aSubject({ id: a, lookAtMs: 200 }),
      aSubject({ id: b, lookAtMs: 200 }),
      aSubject({ id: c, lookAtMs: 200 }),
      aSubject({ lookAtMs: 300 }),
    ] as readonly Subject[]
    const others = [aSubject(), aSubject({ lookAtMs: 301 }), aSubject({ lookAtMs: 1, tenant: elsewhere })]
    for (const put of [...due.toReversed(), ...others]) await insert(ledger, { row: 'subject', expected: 0, put })
    for (const limit of [1, 2, 3, 9]) assert.deepEqual(await everyDue(ledger, 300, limit), due, `pages of ${limit}`)
    assert.deepEqual(await everyDue(ledger, 299, 9), due.slice(0, 4))
    assert.deepEqual(await everyDue(ledger, 99, 9), [])
    assert.deepEqual(await ledger.countDue(here, 300), { count: 5, oldestMs: 100 })
    assert.deepEqual(await ledger.countDue(here, 99), { count: 0 })
  })

  promise('a subject stops being due, and becomes due, by a commit of its row', async ledger => {
    const first = aSubject({ lookAtMs: 100 })
    await insert(ledger, { row: 'subject', expected: 0, put: first })
    const { lookAtMs: _, ...open } = first
    const second = { ...open, version: 2 }
    assert.ok((await ledger.commit(rawGrant, [{ row: 'subject', expected: 1, put: second }])).done)
    assert.deepEqual(await everyDue(ledger, 1_000, 9), [])
    const third = { ...second, lookAtMs: -5, version: 3 }
    assert.ok((await ledger.commit(rawGrant, [{ row: 'subject', expected: 2, put: third }])).done)
    assert.deepEqual(await everyDue(ledger, 0, 1), [third], 'a time before 1970 too')
  })

  promise('held subjects are those with a hold in force, ascending, page after page', async ledger => {
    const begun = aHold()
    const ended = aHold({ n: 2, endedAtMs: 2_000 })
    const held = [[begun], [ended, begun], [aHold({ endedAtMs: 1_000 })]].map(holds => aSubject({ holds }))
    const free = [[], [ended], [aHold({ beganAtMs: 1, endedAtMs: 2 })]].map(holds => aSubject({ holds }))
    const foreign = aSubject({ holds: [begun], tenant: elsewhere })
    for (const put of [...held, ...free, foreign]) await insert(ledger, { row: 'subject', expected: 0, put })
    assert.deepEqual(await everyPage<Subject>(page => ledger.heldSubjects(here, page)), byId(held))
    assert.equal(await ledger.countHeld(here), 3)
    const [one] = held
    assert.ok(one)
    await ledger.commit(rawGrant, [{ row: 'subject', expected: 1, put: { ...one, holds: [ended], version: 2 } }])
    assert.equal(await ledger.countHeld(here), 2)
    assert.equal(await ledger.countHeld('nobody' as TenantId), 0)
  })

  promise('unanswered are those whose request to be deleted counts and has no answer', async ledger => {
    const answered = { askedAtMs: 5, answeredAtMs: 7 }
    const waiting = [
      aSubject({ deletionAskedAtMs: 5 }),
      aSubject({ deletionAskedAtMs: 8, deletionAnswered: answered }),
      aSubject({ deletionAskedAtMs: 6, reopenedAtMs: 5 }),
    ]
    const others = [
      aSubject(),
      aSubject({ deletionAskedAtMs: 5, deletionAnswered: answered }),
      aSubject({ deletionAskedAtMs: 5, reopenedAtMs: 5 }),
      aSubject({ deletionAskedAtMs: 5, tenant: elsewhere }),
    ]
    for (const put of [...waiting, ...others]) await insert(ledger, { row: 'subject', expected: 0, put })
    assert.deepEqual(await everyPage<Subject>(page => ledger.unansweredSubjects(here, page)), byId(waiting))
  })

  promise(
    'of those whose account is closed as many are counted as began to wait for an answer before',
    async ledger => {
      const rows = answersWaiting()
      for (const put of rows) await insert(ledger, { row: 'subject', expected: 0, put })
      const counts = (...at: readonly number[]) => Promise.all(at.map(before => ledger.countUnanswered(here, before)))
      assert.deepEqual(await counts(5, 6, 9, 10, 99), [0, 1, 1, 2, 2])
      const put = { ...(rows[0] ?? assert.fail()), deletionAnswered: { askedAtMs: 5, answeredAtMs: 50 }, version: 2 }
      await ledger.commit(rawGrant, [{ row: 'subject', expected: 1, put }])
      assert.deepEqual(await counts(99), [1])
    },
  )

  promise('live are the documents of a subject that are depositing, stored or purging', async ledger => {
    const subject = aSubject().id
    const begun = aDocument({ subject })
    const kept = stored(aDocument({ subject }))
    const going = purging(stored(aDocument({ subject })))
    for (const put of [begun, kept, going]) await bring(ledger, put)
    await bring(ledger, purged(purging(stored(aDocument({ subject })))))
    await bring(ledger, abandoned(aDocument({ subject })))
    await bring(ledger, aDocument())
    await bring(ledger, aDocument({ subject, tenant: elsewhere }))
    assert.deepEqual(
      await everyPage<Document>(page => ledger.liveDocuments(here, subject, page)),
      byId([begun, kept, going]),
    )
  })

  promise('what is live of many subjects is walked by subject and id, and nobody else is among them', async ledger => {
    const subjects = byId([aSubject(), aSubject(), aSubject()]).map(({ id }) => id)
    const [first, , last] = subjects as [SubjectId, SubjectId, SubjectId]
    const live = [
      ...byId([aDocument({ subject: first }), stored(aDocument({ subject: first }))]),
      ...byId([1, 2, 3].map(() => purging(stored(aDocument({ subject: last }))))),
    ]
    const others = [
      purged(purging(stored(aDocument({ subject: first })))),
      abandoned(aDocument({ subject: last })),
      aDocument({ subject: last, tenant: elsewhere }),
      stored(aDocument()),
    ]
    for (const put of [...others, ...live.toReversed()]) await bring(ledger, put)
    for (const limit of [1, 2, 9]) {
      const found: Document[] = []
      for (;;) {
        const after = found.at(-1)
        const page = await ledger.liveDocumentsOf(here, subjects, { limit, ...(after ? { after } : {}) })
        assert.ok(page.length <= limit)
        found.push(...page)
        if (page.length < limit) break
      }
      assert.deepEqual(found, live)
    }
    assert.deepEqual(await ledger.liveDocumentsOf(here, [], { limit: 9 }), [])
  })

  promise('subjects and reviews are found many at once, without those that are not there', async ledger => {
    const subjects = [aSubject(), aSubject(), aSubject()]
    const foreign = aSubject({ tenant: elsewhere })
    for (const put of [...subjects, foreign]) await insert(ledger, { row: 'subject', expected: 0, put })
    const [one, two] = subjects as [Subject, Subject, Subject]
    const asked = [one.id, foreign.id, aSubject().id, two.id]
    assert.deepEqual(byId(await ledger.findSubjects(here, asked)), byId([one, two]))
    const reviews = [aReview(), aReview(), aReview()]
    const theirs = aReview({ tenant: elsewhere })
    for (const put of [...reviews, theirs]) await insert(ledger, { row: 'review', expected: 0, put })
    const documents = [...reviews.slice(1), theirs].map(({ document }) => document)
    assert.deepEqual(byId(await ledger.reviewsOf(here, [...documents, aDocument().id])), byId(reviews.slice(1)))
    assert.deepEqual(await ledger.findSubjects(here, []), [])
    assert.deepEqual(await ledger.reviewsOf(here, []), [])
  })

  promise(
    'documents whose destruction is under way are walked, and an attempt that failed is counted',
    async ledger => {
      const going = await Promise.all([1, 2, 3].map(() => bring(ledger, purging(stored(aDocument())))))
      await bring(ledger, stored(aDocument()))
      await bring(ledger, purging(stored(aDocument({ tenant: elsewhere }))))
      assert.deepEqual(await everyPage<Document>(page => ledger.purgingDocuments(here, page)), byId(going))
      const [first] = going as [PurgingDocument, ...PurgingDocument[]]
      const failed = { ...first, attempts: 1, version: first.version + 1 }
      assert.ok((await ledger.commit(rawGrant, [{ row: 'document', expected: first.version, put: failed }])).done)
      assert.deepEqual(await ledger.findDocument(here, first.id), failed)
      assert.ok(
        (await ledger.commit(rawGrant, [{ row: 'document', expected: failed.version, put: purged(failed) }])).done,
      )
      assert.equal((await ledger.purgingDocuments(here, { limit: 9 })).length, 2)
    },
  )

  promise('papers under a later version of the policy are counted, while they are stored', async ledger => {
    for (const policyVersion of [1, 2, 3, 4]) await bring(ledger, stored(aDocument({ policyVersion })))
    await bring(ledger, aDocument({ policyVersion: 3 }))
    await bring(ledger, purging(stored(aDocument({ policyVersion: 3 }))))
    await bring(ledger, purged(purging(stored(aDocument({ policyVersion: 3 })))))
    await bring(ledger, stored(aDocument({ policyVersion: 3, tenant: elsewhere })))
    assert.equal(await ledger.countUnderLaterPolicies(here, 2), 2)
    assert.equal(await ledger.countUnderLaterPolicies(here, 4), 0)
    assert.equal(await ledger.countUnderLaterPolicies(here, 0), 4)
  })

  promise('the purged are counted from an instant on', async ledger => {
    for (const atMs of [100, 200, 300]) await bring(ledger, purged(purging(stored(aDocument())), atMs))
    await bring(ledger, purging(stored(aDocument())))
    await bring(ledger, purged(purging(stored(aDocument({ tenant: elsewhere }))), 300))
    assert.equal(await ledger.countPurged(here, 200), 2)
    assert.equal(await ledger.countPurged(here, 0), 3)
    assert.equal(await ledger.countPurged(here, 301), 0)
  })

  promise('answers are found by the document or by the subject that they name', async ledger => {
    const { id: document, subject } = aDocument()
    const twins = [anAnswer({ document }), anAnswer({ document })]
    const told = anAnswer({ subject })
    for (const put of [...twins, told, anAnswer(), anAnswer({ document, subject, tenant: elsewhere })]) {
      await insert(ledger, { row: 'answer', expected: 0, put })
    }
    const found = await ledger.answersOf(here, { documents: [document] })
    assert.deepEqual(byKey(found), byKey(twins))
    assert.deepEqual(await ledger.answersOf(here, { subjects: [subject] }), [told])
    assert.deepEqual(await ledger.answersOf(here, { documents: [aDocument().id] }), [])
    const another = anAnswer({ document: aDocument().id })
    await insert(ledger, { row: 'answer', expected: 0, put: another })
    const documents = [document, another.document as DocumentId]
    assert.deepEqual(byKey(await ledger.answersOf(here, { documents })), byKey([...twins, another]))
    assert.deepEqual(await ledger.answersOf(here, { subjects: [aSubject().id] }), [])
  })

  promise('a subject and its reviews are forgotten at exactly that version, all or none', async ledger => {
    const subject = aSubject()
    const review = aReview({ subject: subject.id })
    await insert(ledger, { row: 'subject', expected: 0, put: subject }, { row: 'review', expected: 0, put: review })
    const forget = (version: number, tenant = here): Change[] => [
      { row: 'review', expected: 1, forget: { tenant, id: review.id } },
      { row: 'subject', expected: version, forget: { tenant, id: subject.id } },
    ]
    assert.deepEqual(await ledger.commit(rawGrant, forget(2)), { done: false, change: 1, conflict: 'version' })
    assert.deepEqual(await ledger.commit(rawGrant, forget(1, elsewhere)), {
      done: false,
      change: 0,
      conflict: 'version',
    })
    assert.deepEqual(await ledger.findReview(here, review.id), review)
    assert.deepEqual(await ledger.commit(rawGrant, forget(1)), { done: true })
    assert.equal(await ledger.findReview(here, review.id), undefined)
    assert.equal(await ledger.findSubject(here, subject.reference), undefined)
    await insert(ledger, { row: 'subject', expected: 0, put: aSubject({ reference: subject.reference }) })
  })
}

/** Ascending. */
function fourIds(): readonly [SubjectId, SubjectId, SubjectId, SubjectId] {
  const id = (first: number) => `${first}${randomUUID().slice(1)}` as SubjectId
  return [id(1), id(2), id(3), id(4)]
}

async function everyDue(ledger: Ledger, asOfMs: number, limit: number): Promise<readonly Subject[]> {
  const seen: Subject[] = []
  let after: Due | undefined
  for (;;) {
    const rows = await ledger.dueSubjects(here, asOfMs, after ? { after, limit } : { limit })
    assert.ok(rows.length <= limit)
    seen.push(...rows)
    const last = rows.at(-1)
    if (last?.lookAtMs === undefined) return seen
    after = { lookAtMs: last.lookAtMs, id: last.id }
  }
}

async function everyPage<Row extends { readonly id: string }>(
  list: (page: Page<Row['id']>) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const seen: Row[] = []
  for (let rows = await list({ limit: 2 }); ; ) {
    seen.push(...rows)
    const last = rows.at(-1)
    if (last === undefined) return seen
    rows = await list({ after: last.id, limit: 2 })
  }
}

async function insert(ledger: Ledger, ...changes: readonly Change[]): Promise<void> {
  assert.deepEqual(await ledger.commit(rawGrant, changes), { done: true })
}

const lives = { depositing: 1, stored: 2, purging: 3, purged: 4, abandoned: 2 } as const
type Life = Extract<Change, { row: 'document'; put: unknown }>['put']

/** Takes a fresh document through the states before this one. */
async function bring<Row extends Life>(ledger: Ledger, put: Row): Promise<Row> {
  const core = aDocument({ id: put.id, tenant: put.tenant, subject: put.subject })
  const first = 'uploadMac' in put ? { ...core, uploadMac: put.uploadMac } : core
  const path = [first, stored(first), purging(stored(first))].slice(0, lives[put.state] - 1)
  for (const [expected, row] of [...path, put].entries()) {
    assert.ok((await ledger.commit(rawGrant, [{ row: 'document', expected, put: row }])).done)
  }
  return put
}

function byId<Row extends { readonly id: string }>(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((one, other) => (one.id < other.id ? -1 : 1))
}

function byKey<Row extends { readonly key: string }>(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((one, other) => (one.key < other.key ? -1 : 1))
}
