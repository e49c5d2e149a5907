import { type ClientSession, type Model, trusted } from 'mongoose'
import type { Answer } from '../domain/answer.ts'
import type { ApiKey } from '../domain/caller.ts'
import { type DeniedToken, denialIdsFor, type TokenName } from '../domain/denied-token.ts'
import type { Document } from '../domain/document.ts'
import type { Epoch } from '../domain/epoch.ts'
import type { Grant, Settlement } from '../domain/grant.ts'
import type { DocumentId, PersonId, ReviewId, SubjectId, SubjectReference, TenantId } from '../domain/ids.ts'
import type { Desk, Review } from '../domain/review.ts'
import type { Subject } from '../domain/subject.ts'
import type { Change, Committed, Ledger, Page } from '../ports/ledger.ts'
import { isDuplicate, type MongoConnection } from './mongo-connection.ts'
import { dropLease, takeLease } from './mongo-leases.ts'
import { type LedgerCollection, rowId, type Step, stepsFor } from './mongo-ledger-steps.ts'
import { type LedgerRow, modelOf } from './mongo-schema.ts'

type Order = Readonly<Record<string, 1>>
interface Listing {
  readonly limit: number
  readonly sort?: Order
}

const visible = trusted({ $in: ['stored', 'purging', 'purged'] })
/** One a year for centuries. */
const mostEpochs = 1_000
const byId: Order = { _id: 1 }

/** A step of a commit lost; thrown to undo the steps before it. */
class Lost extends Error {
  readonly committed: Extract<Committed, { done: false }>

  constructor(change: number, conflict: 'version' | 'unique') {
    super('a change of the commit lost')
    this.committed = { done: false, change, conflict }
  }
}

/** The ledger in MongoDB: bodies as the domain types them, conditions and order by fields beside them. */
export class MongoLedger implements Ledger {
  readonly #mongo: MongoConnection

  constructor(mongo: MongoConnection) {
    this.#mongo = mongo
  }

  findDocument(tenant: TenantId, id: DocumentId): Promise<Document | undefined> {
    return this.#one('documents', { _id: rowId(tenant, id), tenant })
  }

  listDocuments(tenant: TenantId, subject: SubjectId, page: Page<DocumentId>): Promise<readonly Document[]> {
    return this.#all('documents', { tenant, subject, state: visible, _id: after(tenant, page) }, page)
  }

  findUpload(tenant: TenantId, subject: SubjectId, uploadMac: string): Promise<Document | undefined> {
    return this.#one('documents', { tenant, subject, liveUpload: uploadMac })
  }

  findSubject(tenant: TenantId, reference: SubjectReference): Promise<Subject | undefined> {
    return this.#one('subjects', { tenant, reference })
  }

  findSubjectById(tenant: TenantId, id: SubjectId): Promise<Subject | undefined> {
    return this.#one('subjects', { _id: rowId(tenant, id), tenant })
  }

  findReview(tenant: TenantId, id: ReviewId): Promise<Review | undefined> {
    return this.#one('reviews', { _id: rowId(tenant, id), tenant })
  }

  findReviewOf(tenant: TenantId, document: DocumentId): Promise<Review | undefined> {
    return this.#one('reviews', { tenant, document })
  }

  listReviews(tenant: TenantId, state: Review['state'], page: Page<ReviewId>): Promise<readonly Review[]> {
    return this.#all('reviews', { tenant, state, _id: after(tenant, page) }, page)
  }

  findDesk(tenant: TenantId, person: PersonId): Promise<Desk | undefined> {
    return this.#one('desks', { _id: rowId(tenant, person), tenant })
  }

  findAnswer(key: string): Promise<Answer | undefined> {
    return this.#one('answers', { _id: key })
  }

  findApiKey(keyId: string): Promise<ApiKey | undefined> {
    return this.#one('api_keys', { _id: keyId })
  }

  listApiKeys(tenant: TenantId, page: Page<string>): Promise<readonly ApiKey[]> {
    return this.#all('api_keys', { tenant, _id: trusted({ $gt: page.after ?? '' }) }, page)
  }

  findDenials(tenant: TenantId, token: Omit<TokenName, 'issuedAtMs'>): Promise<readonly DeniedToken[]> {
    const ids = denialIdsFor(token).map(id => rowId(tenant, id))
    return this.#all('denied_tokens', { _id: trusted({ $in: ids }), tenant }, { limit: ids.length })
  }

  listExpiredDenials(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly DeniedToken[]> {
    const filter = { tenant, expiresMs: trusted({ $lt: asOfMs }) }
    return this.#all('denied_tokens', filter, { limit, sort: { expiresMs: 1, _id: 1 } })
  }

  findEpoch(tenant: TenantId, epoch: string): Promise<Epoch | undefined> {
    return this.#one('epochs', { _id: rowId(tenant, epoch), tenant })
  }

  listEpochs(tenant: TenantId): Promise<readonly Epoch[]> {
    return this.#all('epochs', { _id: after(tenant, { limit: mostEpochs }) }, { limit: mostEpochs })
  }

  listOverdue(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly Document[]> {
    const isDue = trusted([{ state: 'abandoned' }, { dueMs: trusted({ $lt: asOfMs }) }])
    const filter = { tenant, dueMs: trusted({ $exists: true }), $or: isDue }
    return this.#all('documents', filter, { limit, sort: { dueMs: 1, _id: 1 } })
  }

  listExpiredAnswers(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly Answer[]> {
    const filter = { tenant, expiresMs: trusted({ $lt: asOfMs }) }
    return this.#all('answers', filter, { limit, sort: { expiresMs: 1, _id: 1 } })
  }

  everyDocument(tenant: TenantId, page: Page<DocumentId>): Promise<readonly Document[]> {
    return this.#all('documents', { _id: after(tenant, page) }, page)
  }

  everySubject(tenant: TenantId, page: Page<SubjectId>): Promise<readonly Subject[]> {
    return this.#all('subjects', { _id: after(tenant, page) }, page)
  }

  everyReview(tenant: TenantId, page: Page<ReviewId>): Promise<readonly Review[]> {
    return this.#all('reviews', { _id: after(tenant, page) }, page)
  }

  everyAnswer(tenant: TenantId, page: Page<string>): Promise<readonly Answer[]> {
    return this.#all('answers', { tenant, _id: trusted({ $gt: page.after ?? '' }) }, page)
  }

  async namedBlobs(blobKeys: readonly string[]): Promise<ReadonlySet<string>> {
    const filter = { blobKey: trusted({ $in: blobKeys }) }
    const rows = await this.#mongo.ask(session =>
      this.#rows('documents').find(filter, { blobKey: 1, _id: 0 }, { lean: true, session }),
    )
    return new Set(rows.flatMap(({ blobKey }) => blobKey ?? []))
  }

  async tenants(): Promise<readonly TenantId[]> {
    const hops = (['documents', 'subjects', 'reviews', 'desks', 'denied_tokens'] as const).map(name =>
      this.#tenantsByHops(name),
    )
    const listed = (['answers', 'api_keys'] as const).map(name =>
      this.#mongo.ask(session => this.#rows(name).distinct('tenant').session(session)),
    )
    const found = await Promise.all([...hops, ...listed])
    return [...new Set(found.flat())].toSorted() as TenantId[]
  }

  /** One change is one write, several are one transaction; either way each is conditional on the version that was expected. */
  async commit(_by: Grant | Settlement, changes: readonly Change[]): Promise<Committed> {
    const steps = stepsFor(changes)
    const takeAll = async (session: ClientSession): Promise<void> => {
      for (const [at, step] of steps.entries()) await this.#take(step, at, session)
    }
    try {
      if (steps.length === 1) await this.#mongo.ask(takeAll)
      if (steps.length > 1) await this.#mongo.transact(takeAll)
      return { done: true }
    } catch (error) {
      if (!(error instanceof Lost)) throw error
      const { committed } = error
      if (committed.conflict === 'version') await this.#requireLegalMove(steps[committed.change])
      return committed
    }
  }

  takeLease(name: string, holder: string, nowMs: number, forMs: number): Promise<number | undefined> {
    return takeLease(this.#mongo, { name, holder, nowMs, untilMs: nowMs + forMs })
  }

  dropLease(name: string, holder: string): Promise<void> {
    return dropLease(this.#mongo, name, holder)
  }

  async #take(step: Step, at: number, session: ClientSession): Promise<void> {
    const rows = this.#rows(step.collection)
    try {
      if ('insert' in step) {
        await rows.insertOne({ ...step.insert }, { session })
        return
      }
      const { states, ...where } = step.where
      const filter = states ? { ...where, state: trusted({ $in: states }) } : where
      const { matched } =
        'remove' in step
          ? { matched: (await rows.deleteOne(filter, { session })).deletedCount }
          : { matched: (await rows.replaceOne(filter, step.replace, { session })).matchedCount }
      if (matched !== 1) throw new Lost(at, 'version')
    } catch (error) {
      if (!isDuplicate(error)) throw error
      throw new Lost(at, '_id' in (error.keyPattern ?? {}) ? 'version' : 'unique')
    }
  }

  /** Versions only grow: a row that still has the expected one was refused for its state, which no retry will mend. */
  async #requireLegalMove(step: Step | undefined): Promise<void> {
    if (!step || !('replace' in step) || !step.where.states) return
    const { states: _, ...same } = step.where
    if (await this.#one('documents', same)) throw new RangeError('no document makes that move')
  }

  /** From tenant to tenant along the ids: a plain `distinct` would walk every row. */
  async #tenantsByHops(name: LedgerCollection): Promise<readonly string[]> {
    const found: string[] = []
    for (let beyond = ''; ; ) {
      const filter = { _id: trusted({ $gte: beyond }) }
      const row = await this.#mongo.ask(session =>
        this.#rows(name).findOne(filter, { tenant: 1 }, { lean: true, session, sort: byId }),
      )
      if (!row) return found
      found.push(row.tenant)
      beyond = pastIdsOf(row.tenant)
    }
  }

  #rows(name: LedgerCollection): Model<LedgerRow> {
    return modelOf(this.#mongo.connection, name)
  }

  async #one<Row>(name: LedgerCollection, filter: object): Promise<Row | undefined> {
    return (await this.#all<Row>(name, filter, { limit: 1 }))[0]
  }

  /** What `commit` wrote, as it was: nothing else writes bodies. */
  async #all<Row>(name: LedgerCollection, filter: object, { limit, sort = byId }: Listing): Promise<readonly Row[]> {
    const rows = await this.#mongo.ask(session =>
      this.#rows(name).find(filter, { body: 1 }, { lean: true, session, sort, limit, maxTimeMS: 2_000 }),
    )
    return rows.map(({ body }) => body as Row)
  }
}

/** The ids of one tenant that come after the page's. */
function after<Id extends string>(tenant: TenantId, page: Page<Id>): object {
  return trusted({ $gt: rowId(tenant, page.after ?? ''), $lt: pastIdsOf(tenant) })
}

/** `0` is what follows `/` in the order of bytes, and stands in no other tenant's ids at that place before it. */
const pastIdsOf = (tenant: string): string => `${tenant}0`
