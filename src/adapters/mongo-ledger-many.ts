import { trusted } from 'mongoose'
import type { Answer } from '../domain/answer.ts'
import type { Document } from '../domain/document.ts'
import type { PurgePage, PurgeRun } from '../domain/purge-run.ts'
import type { Subject } from '../domain/subject.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { MongoConnection } from './mongo-connection.ts'
import { among, beyond, bodiesOf, countRows } from './mongo-ledger-reading.ts'
import { pageId, rowId } from './mongo-ledger-rows.ts'
import { pastIdsOf } from './mongo-ledger-tenants.ts'
import { type LedgerRow, modelOf } from './mongo-schema.ts'

/** Questions about many rows, in orders of their own, as the clock of retention, purges and sweeps ask them: each as the port says. */
type Asked<Name extends keyof Ledger> = Parameters<Ledger[Name]>

export const live = trusted({ $in: ['depositing', 'stored', 'purging'] })
/** Of one document or subject. */
const mostAnswers = 10_000
const earliestFirst = { lookMs: 1, _id: 1 } as const

export function liveDocumentsOf(
  mongo: MongoConnection,
  ...[tenant, subjects, { after: last, limit }]: Asked<'liveDocumentsOf'>
): Promise<readonly Document[]> {
  const order = { limit, sort: { subject: 1, _id: 1 } } as const
  const all = { tenant, subject: among(subjects), state: live }
  const rest = last && { $or: beyond('subject', last.subject, rowId(tenant, last.id)) }
  return bodiesOf(mongo, 'documents', { ...all, ...rest }, order)
}

export function dueSubjects(
  mongo: MongoConnection,
  ...[tenant, asOfMs, { after: last, limit }]: Asked<'dueSubjects'>
): Promise<readonly Subject[]> {
  const order = { limit, sort: earliestFirst }
  if (last === undefined) return bodiesOf(mongo, 'subjects', { tenant, lookMs: trusted({ $lte: asOfMs }) }, order)
  const { lookAtMs, id } = last
  const isBeyond = beyond('lookMs', lookAtMs, rowId(tenant, id))
  const rest = { tenant, lookMs: trusted({ $gte: lookAtMs, $lte: asOfMs }), $or: isBeyond }
  return bodiesOf(mongo, 'subjects', rest, order)
}

export async function countDue(
  mongo: MongoConnection,
  ...[tenant, asOfMs]: Asked<'countDue'>
): Promise<{ readonly count: number; readonly oldestMs?: number }> {
  const filter = { tenant, lookMs: trusted({ $lte: asOfMs }) }
  const count = await countRows(mongo, 'subjects', filter)
  if (count === 0) return { count }
  const [oldest] = await bodiesOf<Subject>(mongo, 'subjects', filter, { limit: 1, sort: earliestFirst })
  return oldest?.lookAtMs === undefined ? { count: 0 } : { count, oldestMs: oldest.lookAtMs }
}

export function answersOf(mongo: MongoConnection, ...[tenant, of]: Asked<'answersOf'>): Promise<readonly Answer[]> {
  const [name, ids] = 'documents' in of ? (['document', of.documents] as const) : (['subject', of.subjects] as const)
  const limit = mostAnswers * Math.max(1, ids.length)
  return bodiesOf(mongo, 'answers', { tenant, [name]: among(ids) }, { limit })
}

export function listRuns(
  mongo: MongoConnection,
  ...[tenant, { after: last, limit }]: Asked<'listRuns'>
): Promise<readonly PurgeRun[]> {
  const before = last === undefined ? pastIdsOf(tenant) : rowId(tenant, last)
  const filter = { _id: trusted({ $gt: rowId(tenant, ''), $lt: before }) }
  return bodiesOf(mongo, 'purge_runs', filter, { limit, sort: { _id: -1 } })
}

export function listPages(
  mongo: MongoConnection,
  ...[tenant, run, page]: Asked<'listPages'>
): Promise<readonly PurgePage[]> {
  const from = page.after === undefined ? rowId(tenant, `${run}/`) : pageId(tenant, run, page.after)
  const filter = { _id: trusted({ $gt: from, $lt: pastIdsOf(rowId(tenant, run)) }) }
  return bodiesOf(mongo, 'purge_pages', filter, page)
}

export function listOverdue(
  mongo: MongoConnection,
  ...[tenant, asOfMs, limit]: Asked<'listOverdue'>
): Promise<readonly Document[]> {
  const isDue = trusted([{ state: 'abandoned' }, { dueMs: trusted({ $lt: asOfMs }) }])
  const filter = { tenant, dueMs: trusted({ $exists: true }), $or: isDue }
  return bodiesOf(mongo, 'documents', filter, { limit, sort: { dueMs: 1, _id: 1 } })
}

/** Rows whose time was up before `asOfMs`, oldest first. */
export function expired<Row>(
  mongo: MongoConnection,
  name: 'answers' | 'denied_tokens',
  ...[tenant, asOfMs, limit]: Asked<'listExpiredAnswers'>
): Promise<readonly Row[]> {
  const filter = { tenant, expiresMs: trusted({ $lt: asOfMs }) }
  return bodiesOf(mongo, name, filter, { limit, sort: { expiresMs: 1, _id: 1 } })
}

export async function namedBlobs(
  mongo: MongoConnection,
  ...[blobKeys]: Asked<'namedBlobs'>
): Promise<ReadonlySet<string>> {
  const filter = { blobKey: trusted({ $in: blobKeys }) }
  const rows = await mongo.ask(session =>
    modelOf<LedgerRow>(mongo.connection, 'documents').find(filter, { blobKey: 1, _id: 0 }, { lean: true, session }),
  )
  return new Set(rows.flatMap(({ blobKey }) => blobKey ?? []))
}
