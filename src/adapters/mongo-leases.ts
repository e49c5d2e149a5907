import { type Model, trusted } from 'mongoose'
import type { Ledger } from '../ports/ledger.ts'
import { isDuplicate, type MongoConnection } from './mongo-connection.ts'
import { type LeaseRow, modelOf } from './mongo-schema.ts'

/** Whoever holds a lease for so much longer than anybody may took it by a clock that ran ahead. */
const aheadMs = 86_400_000

/**
 * Renewed by its holder, else taken where it is free or has ended, else made: each step is one conditional write, so of
 * racers one wins.
 *
 * @returns a fencing number that grows with each change of holder, or undefined when another holds it
 */
export async function takeLease(
  mongo: MongoConnection,
  ...[name, holder, nowMs, forMs, everyMs]: Parameters<Ledger['takeLease']>
): Promise<number | undefined> {
  const untilMs = nowMs + forMs
  const restsLongest = everyMs === undefined ? 0 : nowMs + 1.5 * everyMs
  const leases: Model<LeaseRow> = modelOf(mongo.connection, 'leases')
  const change = (filter: object, update: object) =>
    mongo.ask(session => leases.findOneAndUpdate(filter, update, { session, returnDocument: 'after', lean: true }))
  const renewed = await change({ _id: name, holder }, { $set: { untilMs } })
  if (renewed) return renewed.fence
  const free = [
    { untilMs: trusted({ $lte: nowMs }) },
    { untilMs: trusted({ $gt: untilMs + aheadMs }) },
    { holder: '', untilMs: trusted({ $gt: restsLongest }) },
  ]
  const taken = await change({ _id: name, $or: free }, { $set: { holder, untilMs }, $inc: { fence: 1 } })
  if (taken) return taken.fence
  try {
    await mongo.ask(session => leases.insertOne({ _id: name, holder, untilMs, fence: 1 }, { session }))
    return 1
  } catch (error) {
    if (isDuplicate(error)) return undefined
    throw error
  }
}

/** The row stays, without a holder, so that the fencing number goes on. */
export async function dropLease(
  mongo: MongoConnection,
  ...[name, holder, restUntilMs = 0]: Parameters<Ledger['dropLease']>
): Promise<void> {
  const leases: Model<LeaseRow> = modelOf(mongo.connection, 'leases')
  const rest = { $set: { holder: '', untilMs: restUntilMs } }
  await mongo.ask(session => leases.updateOne({ _id: name, holder }, rest, { session }))
}
