import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SqliteLedger } from '../../src/adapters/sqlite-ledger.ts'
import type { StoredDocument } from '../../src/domain/document.ts'
import type {
  CaseReference,
  DocumentId,
  MessageId,
  ReviewId,
  SubjectId,
  SubjectReference,
} from '../../src/domain/ids.ts'
import type { Review } from '../../src/domain/review.ts'
import type { Subject } from '../../src/domain/subject.ts'
import type { Change } from '../../src/ports/ledger.ts'
import { freshSqlite } from '../support/fresh-sqlite.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { Seeded } from '../support/seeded.ts'
import { aDocument, aHold, anAnswer, aReview, aSubject, purged, purging, stored } from './ledger-rows.ts'

const stores = Number(process.env.VAULT_TEST_STORES ?? 4)

/** One person with all that names them, as it lies in the ledger. */
interface Person {
  subject: Subject
  papers: StoredDocument[]
  readonly reviews: Review[]
  readonly answers: ReturnType<typeof anAnswer>[]
}

/** A ledger that lives: people come, their rows grow and shrink, and they are forgotten, in an order of chance. */
class Town {
  readonly #ledger: SqliteLedger
  readonly #chance: Seeded
  readonly people: Person[] = []
  /** What named those who are forgotten. */
  readonly forgotten: string[] = []

  constructor(ledger: SqliteLedger, chance: Seeded) {
    this.#ledger = ledger
    this.#chance = chance
  }

  async live(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      const many = Array.from({ length: 1 + this.#chance.below(12) })
      const what = this.#chance.below(10)
      if (what < 4) await Promise.all(many.map(() => this.#come()))
      else if (what < 8) await Promise.all(this.#some(many.length).map(person => this.#change(person)))
      else await Promise.all(this.#some(many.length).map(person => this.forget(person)))
    }
  }

  #some(count: number): readonly Person[] {
    return this.#chance.shuffled(this.people).slice(0, count)
  }

  async #come(): Promise<void> {
    const chance = this.#chance
    const id = chance.uuid() as SubjectId
    const person: Person = {
      subject: aSubject({ id, reference: `person-${chance.hex(8 + chance.below(60))}` as SubjectReference }),
      papers: [],
      reviews: [],
      answers: [],
    }
    this.people.push(person)
    const opening = this.#answer({ subject: id })
    person.answers.push(opening)
    await this.#commit([
      { row: 'subject', expected: 0, put: person.subject },
      { row: 'answer', expected: 0, put: opening },
    ])
    for (let papers = chance.below(3); papers > 0; papers--) await this.#deposit(person)
  }

  async #deposit(person: Person): Promise<void> {
    const chance = this.#chance
    const messageId = chance.hex(64) as MessageId
    const depositing = aDocument({
      id: chance.uuid() as DocumentId,
      subject: person.subject.id,
      messageId,
      uploadMac: chance.hex(43),
      blobKey: `v1/${messageId.slice(0, 2)}/${messageId}`,
    })
    await this.#commit([{ row: 'document', expected: 0, put: depositing }])
    const document = stored(depositing)
    const review = aReview({ id: chance.uuid() as ReviewId, document: document.id, subject: document.subject })
    const answer = this.#answer({ document: document.id })
    person.papers.push(document)
    person.reviews.push(review)
    person.answers.push(answer)
    await this.#commit([
      { row: 'document', expected: 1, put: document },
      { row: 'review', expected: 0, put: review },
      { row: 'answer', expected: 0, put: answer },
    ])
  }

  #answer(of: { readonly document: DocumentId } | { readonly subject: SubjectId }) {
    const body = this.#chance.hex(this.#chance.below(4) === 0 ? 6_000 : 40 + this.#chance.below(900))
    return anAnswer({ ...of, key: this.#chance.hex(43), fingerprint: this.#chance.hex(43), state: 'done', body })
  }

  async #change(person: Person): Promise<void> {
    const { subject } = person
    const cases = Array.from({ length: this.#chance.below(20) }, (_, n) =>
      aHold({ n: n + 1, case: `CASE-${this.#chance.hex(20)}` as CaseReference }),
    )
    this.forgotten.push(...subject.holds.map(hold => hold.case))
    person.subject = { ...subject, holds: cases, version: subject.version + 1 }
    await this.#commit([{ row: 'subject', expected: subject.version, put: person.subject }])
  }

  /** As the end of a purge does: tombstones, and nothing else of the person. */
  async forget(person: Person): Promise<void> {
    const at = this.people.indexOf(person)
    if (at < 0) return
    this.people.splice(at, 1)
    const { subject, papers, reviews, answers } = person
    await this.#commit(papers.map(put => ({ row: 'document', expected: 2, put: purging(put) })))
    await this.#commit([
      ...papers.map((put): Change => ({ row: 'document', expected: 3, put: purged(purging(put)) })),
      ...reviews.map(
        ({ tenant, id, version }): Change => ({ row: 'review', expected: version, forget: { tenant, id } }),
      ),
      ...answers.map(({ key, version }): Change => ({ row: 'answer', expected: version, forget: { key } })),
      {
        row: 'subject',
        expected: subject.version,
        forget: { tenant: subject.tenant, id: subject.id },
      },
    ])
    this.forgotten.push(...namesOf(person))
  }

  async #commit(changes: readonly Change[]): Promise<void> {
    const committed = await this.#ledger.commit(rawGrant, changes)
    assert.ok(committed.done)
  }
}

/** Texts of chance, so that none is found where it does not lie. */
function namesOf({ subject, papers, reviews, answers }: Person): readonly string[] {
  return [
    subject.reference,
    ...subject.holds.map(hold => hold.case),
    ...papers.flatMap(paper => [paper.uploadMac, paper.messageId, paper.commitKey]),
    ...reviews.map(({ id }) => id),
    ...answers.flatMap(({ key, fingerprint, body = '' }) => [key, fingerprint, body.slice(-40)]),
  ]
}

/** Everything of the folder in one piece: main files, logs, and whatever else was made beside them. */
function everyByte(folder: string): Buffer {
  return Buffer.concat(readdirSync(folder).map(name => readFileSync(join(folder, name))))
}

function found(folder: string, names: readonly string[]): readonly string[] {
  const bytes = everyByte(folder)
  return names.filter(name => bytes.includes(name))
}

test(`in ${stores} ledgers of chance nothing that named a forgotten person is in any file once the job has ended`, async t => {
  const chance = new Seeded()
  t.diagnostic(`VAULT_TEST_SEED=${chance.seed}`)
  for (let store = 0; store < stores; store++) {
    const { thread, folder } = await freshSqlite(t)
    const ledger = new SqliteLedger(thread)
    const town = new Town(ledger, chance)
    for (let jobs = 0; jobs < 3; jobs++) {
      await ledger.takeLease('purge', 'me', 0, 1_000)
      await town.live(25)
      await ledger.dropLease('purge', 'me')
      const left = found(folder, town.forgotten)
      assert.deepEqual(left, [], `${left.length} of ${town.forgotten.length}, store ${store}, job ${jobs}`)
      const living = town.people.flatMap(namesOf)
      assert.equal(found(folder, living).length, living.length)
    }
  }
})
