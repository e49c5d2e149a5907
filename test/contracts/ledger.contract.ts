import assert from 'node:assert/strict'
import type { DocumentId, PersonId, ReviewId, SubjectId, SubjectReference } from '../../src/domain/ids.ts'
import type { Change, Committed } from '../../src/ports/ledger.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { ledgerDenialsContract } from './ledger-denials.contract.ts'
import { ledgerEpochsContract } from './ledger-epochs.contract.ts'
import { ledgerFindersContract } from './ledger-finders.contract.ts'
import { ledgerLeasesContract } from './ledger-leases.contract.ts'
import { type LedgerSuite, promiseOf } from './ledger-promise.ts'
import { ledgerRetentionContract } from './ledger-retention.contract.ts'
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
import { ledgerRunsContract } from './ledger-runs.contract.ts'

/** What every Ledger promises; `open` gives an empty one. */
export function ledgerContract(...suite: LedgerSuite): void {
  const promise = promiseOf(...suite)
  const done: Committed = { done: true }
  const lost = (change: number, conflict: 'version' | 'unique'): Committed => ({ done: false, change, conflict })

  promise('every kind of row is found again as it was put', async ledger => {
    const document = aDocument()
    const subject = aSubject()
    const review = aReview({ assignment: { person: 'p-2' as PersonId, expiresAtMs: 9 } })
    const desk = aDesk({ open: [{ review: review.id, expiresAtMs: 9 }] })
    const answer = anAnswer({ document: document.id, body: '{"a":"é\\u0000"}', status: 201 })
    const key = anApiKey()
    const changes: Change[] = [
      { row: 'document', expected: 0, put: document },
      { row: 'subject', expected: 0, put: subject },
      { row: 'review', expected: 0, put: review },
      { row: 'desk', expected: 0, put: desk },
      { row: 'answer', expected: 0, put: answer },
      { row: 'key', expected: 0, put: key },
    ]
    assert.deepEqual(await ledger.commit(rawGrant, changes), done)
    assert.deepEqual(await ledger.findDocument(here, document.id), document)
    assert.deepEqual(await ledger.findSubject(here, subject.reference), subject)
    assert.deepEqual(await ledger.findSubjectById(here, subject.id), subject)
    assert.deepEqual(await ledger.findReview(here, review.id), review)
    assert.deepEqual(await ledger.findReviewOf(here, review.document), review)
    assert.deepEqual(await ledger.findDesk(here, desk.person), desk)
    assert.deepEqual(await ledger.findAnswer(answer.key), answer)
    assert.deepEqual(await ledger.findApiKey(key.keyId), key)
  })

  promise('what was never put is absent', async ledger => {
    assert.equal(await ledger.findDocument(here, aDocument().id), undefined)
    assert.equal(await ledger.findSubject(here, 'nobody' as SubjectReference), undefined)
    assert.equal(await ledger.findSubjectById(here, 'none' as SubjectId), undefined)
    assert.equal(await ledger.findReview(here, 'none' as ReviewId), undefined)
    assert.equal(await ledger.findReviewOf(here, 'none' as DocumentId), undefined)
    assert.equal(await ledger.findDesk(here, 'nobody' as PersonId), undefined)
    assert.equal(await ledger.findAnswer('none'), undefined)
    assert.equal(await ledger.findApiKey('none'), undefined)
    assert.deepEqual(await ledger.tenants(), [])
  })

  promise('a commit of nothing is done', async ledger => {
    assert.deepEqual(await ledger.commit(rawGrant, []), done)
  })

  promise('a document goes from depositing to its tombstone, one version at a time', async ledger => {
    const first = aDocument()
    const second = stored(first)
    const third = purging(second)
    const fourth = purged(third)
    for (const [expected, put] of [first, second, third, fourth].entries()) {
      assert.deepEqual(await ledger.commit(rawGrant, [{ row: 'document', expected, put }]), done)
      assert.deepEqual(await ledger.findDocument(here, first.id), put)
    }
  })

  promise('an insert loses to a row that is there, of every kind, and leaves it as it is', async ledger => {
    const document = aDocument()
    const subject = aSubject()
    const answer = anAnswer()
    const key = anApiKey()
    const rows: Change[] = [
      { row: 'document', expected: 0, put: document },
      { row: 'subject', expected: 0, put: subject },
      { row: 'desk', expected: 0, put: aDesk() },
      { row: 'answer', expected: 0, put: answer },
      { row: 'key', expected: 0, put: key },
    ]
    await ledger.commit(rawGrant, rows)
    const again: Change[] = [
      { row: 'document', expected: 0, put: aDocument({ id: document.id }) },
      { row: 'subject', expected: 0, put: aSubject({ id: subject.id }) },
      { row: 'desk', expected: 0, put: aDesk() },
      { row: 'answer', expected: 0, put: anAnswer({ key: answer.key }) },
      { row: 'key', expected: 0, put: anApiKey({ keyId: key.keyId }) },
    ]
    for (const change of again) assert.deepEqual(await ledger.commit(rawGrant, [change]), lost(0, 'version'))
    assert.deepEqual(await ledger.findDocument(here, document.id), document)
    assert.deepEqual(await ledger.findApiKey(key.keyId), key)
  })

  promise('a replacement of another version, or of no row, loses', async ledger => {
    const subject = aSubject()
    await ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put: subject }])
    const ahead: Change = { row: 'subject', expected: 2, put: { ...subject, tier: 3, version: 3 } }
    assert.deepEqual(await ledger.commit(rawGrant, [ahead]), lost(0, 'version'))
    const nobody: Change = { row: 'subject', expected: 1, put: aSubject({ version: 2 }) }
    assert.deepEqual(await ledger.commit(rawGrant, [nobody]), lost(0, 'version'))
    assert.deepEqual(await ledger.findSubjectById(here, subject.id), subject)
  })

  promise('all changes or none: the last one that loses takes the others with it, and is named', async ledger => {
    const subject = aSubject()
    const document = aDocument()
    const changes: Change[] = [
      { row: 'subject', expected: 0, put: subject },
      { row: 'document', expected: 0, put: document },
      { row: 'review', expected: 4, put: aReview({ version: 5 }) },
    ]
    assert.deepEqual(await ledger.commit(rawGrant, changes), lost(2, 'version'))
    assert.equal(await ledger.findSubjectById(here, subject.id), undefined)
    assert.equal(await ledger.findDocument(here, document.id), undefined)
  })

  promise('a commit that loses harms no commit that was made beside it', async ledger => {
    const taken = aSubject()
    await ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put: taken }])
    const fresh = Array.from({ length: 20 }, () => aSubject())
    const results = await Promise.all(
      fresh.flatMap(put => [
        ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put }]),
        ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put: taken }]),
      ]),
    )
    assert.equal(results.filter(result => result.done).length, 20)
    for (const subject of fresh) assert.deepEqual(await ledger.findSubjectById(here, subject.id), subject)
  })

  promise('of racers that replace one version exactly one wins', async ledger => {
    const subject = aSubject()
    await ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put: subject }])
    const racers = Array.from({ length: 16 }, (_, tier) => ({ ...subject, tier, version: 2 }))
    const results = await Promise.all(
      racers.map(put => ledger.commit(rawGrant, [{ row: 'subject', expected: 1, put }])),
    )
    const winners = results.flatMap((result, i) => (result.done ? [i] : []))
    assert.equal(winners.length, 1)
    assert.deepEqual(await ledger.findSubjectById(here, subject.id), racers[winners[0] ?? -1])
  })

  promise('a reference names one subject of a tenant', async ledger => {
    const subject = aSubject()
    await ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put: subject }])
    const twin: Change = { row: 'subject', expected: 0, put: aSubject({ reference: subject.reference }) }
    assert.deepEqual(await ledger.commit(rawGrant, [twin]), lost(0, 'unique'))
    const cousin = aSubject({ reference: subject.reference, tenant: elsewhere })
    assert.deepEqual(await ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put: cousin }]), done)
  })

  promise('a document has one review', async ledger => {
    const review = aReview()
    await ledger.commit(rawGrant, [{ row: 'review', expected: 0, put: review }])
    const second: Change = { row: 'review', expected: 0, put: aReview({ document: review.document }) }
    assert.deepEqual(await ledger.commit(rawGrant, [second]), lost(0, 'unique'))
  })

  promise('a file is kept once for a subject while depositing or stored, and may come again after', async ledger => {
    const document = aDocument()
    const { subject, uploadMac } = document
    const again = () =>
      ledger.commit(rawGrant, [{ row: 'document', expected: 0, put: aDocument({ subject, uploadMac }) }])
    await ledger.commit(rawGrant, [{ row: 'document', expected: 0, put: document }])
    assert.deepEqual(await again(), lost(0, 'unique'))
    assert.deepEqual(await ledger.findUpload(here, subject, uploadMac), document)
    const kept = stored(document)
    await ledger.commit(rawGrant, [{ row: 'document', expected: 1, put: kept }])
    assert.deepEqual(await again(), lost(0, 'unique'))
    assert.deepEqual(await ledger.findUpload(here, subject, uploadMac), kept)
    await ledger.commit(rawGrant, [{ row: 'document', expected: 2, put: purging(kept) }])
    assert.equal(await ledger.findUpload(here, subject, uploadMac), undefined)
    assert.deepEqual(await again(), done)
  })

  promise('an abandoned attempt frees its file for the next', async ledger => {
    const document = aDocument()
    await ledger.commit(rawGrant, [{ row: 'document', expected: 0, put: document }])
    await ledger.commit(rawGrant, [{ row: 'document', expected: 1, put: abandoned(document) }])
    const { subject, uploadMac } = document
    assert.equal(await ledger.findUpload(here, subject, uploadMac), undefined)
    const next = aDocument({ subject, uploadMac })
    assert.deepEqual(await ledger.commit(rawGrant, [{ row: 'document', expected: 0, put: next }]), done)
  })

  promise('the sweep and the last step of a deposit race, and one of them wins', async ledger => {
    const document = aDocument()
    await ledger.commit(rawGrant, [{ row: 'document', expected: 0, put: document }])
    const ends = [stored(document), abandoned(document)]
    const results = await Promise.all(ends.map(put => ledger.commit(rawGrant, [{ row: 'document', expected: 1, put }])))
    const winner = results.findIndex(result => result.done)
    assert.deepEqual(results.toSpliced(winner, 1), [lost(0, 'version')])
    assert.deepEqual(await ledger.findDocument(here, document.id), ends[winner])
  })

  promise('forgetting takes exactly that version of a document or an answer', async ledger => {
    const first = aDocument()
    const answer = anAnswer()
    await ledger.commit(rawGrant, [
      { row: 'document', expected: 0, put: first },
      { row: 'answer', expected: 0, put: answer },
    ])
    await ledger.commit(rawGrant, [{ row: 'document', expected: 1, put: abandoned(first) }])
    const forget = (version: number): Change[] => [
      { row: 'answer', expected: 1, forget: { key: answer.key } },
      { row: 'document', expected: version, forget: { tenant: here, id: first.id } },
    ]
    assert.deepEqual(await ledger.commit(rawGrant, forget(1)), lost(1, 'version'))
    assert.deepEqual(await ledger.findAnswer(answer.key), answer, 'the answer stays with the document')
    assert.deepEqual(await ledger.commit(rawGrant, forget(2)), done)
    assert.equal(await ledger.findDocument(here, first.id), undefined)
    assert.equal(await ledger.findAnswer(answer.key), undefined)
    assert.deepEqual(await ledger.commit(rawGrant, forget(2)), lost(0, 'version'))
  })

  promise('an answer of another tenant is not forgotten beside a row of this one', async ledger => {
    const answer = anAnswer({ tenant: elsewhere })
    await ledger.commit(rawGrant, [{ row: 'answer', expected: 0, put: answer }])
    const changes: Change[] = [
      { row: 'subject', expected: 0, put: aSubject() },
      { row: 'answer', expected: 1, forget: { key: answer.key } },
    ]
    assert.deepEqual(await ledger.commit(rawGrant, changes), lost(1, 'version'))
    assert.deepEqual(await ledger.findAnswer(answer.key), answer)
  })

  promise('a version that does not follow, rows of two tenants and illegal moves are defects', async ledger => {
    const document = aDocument()
    const refused = (...changes: Change[]) => assert.rejects(ledger.commit(rawGrant, changes), RangeError)
    await refused({ row: 'subject', expected: 0, put: aSubject({ version: 2 }) })
    await refused({ row: 'subject', expected: 3, put: aSubject({ version: 3 }) })
    await refused(
      { row: 'subject', expected: 0, put: aSubject() },
      { row: 'document', expected: 0, put: aDocument({ tenant: elsewhere }) },
    )
    await refused({ row: 'document', expected: 0, put: { ...stored(document), version: 1 } })
    assert.deepEqual(await ledger.tenants(), [], 'nothing of it was written')

    await ledger.commit(rawGrant, [{ row: 'document', expected: 0, put: document }])
    await refused({ row: 'document', expected: 1, put: { ...document, version: 2 } })
    await refused({ row: 'document', expected: 1, put: { ...purging(stored(document)), version: 2 } })
    const late = abandoned(document)
    await ledger.commit(rawGrant, [{ row: 'document', expected: 1, put: late }])
    await refused({ row: 'document', expected: 2, put: { ...stored(document), version: 3 } })
    assert.deepEqual(await ledger.findDocument(here, document.id), late)
  })

  promise('a row of another tenant can be neither replaced nor forgotten', async ledger => {
    const document = aDocument()
    await ledger.commit(rawGrant, [{ row: 'document', expected: 0, put: document }])
    const put = abandoned({ ...document, tenant: elsewhere })
    assert.deepEqual(await ledger.commit(rawGrant, [{ row: 'document', expected: 1, put }]), lost(0, 'version'))
    const forget = { tenant: elsewhere, id: document.id }
    assert.deepEqual(await ledger.commit(rawGrant, [{ row: 'document', expected: 1, forget }]), lost(0, 'version'))
    assert.deepEqual(await ledger.findDocument(here, document.id), document)
  })

  promise('an answer body of a mebibyte is kept whole', async ledger => {
    const answer = anAnswer({ body: 'é'.repeat(512 * 1024), state: 'done' })
    await ledger.commit(rawGrant, [{ row: 'answer', expected: 0, put: answer }])
    assert.deepEqual(await ledger.findAnswer(answer.key), answer)
  })

  ledgerEpochsContract(...suite)
  ledgerFindersContract(...suite)
  ledgerDenialsContract(...suite)
  ledgerLeasesContract(...suite)
  ledgerRetentionContract(...suite)
  ledgerRunsContract(...suite)
}
