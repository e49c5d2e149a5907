import type { ClientSession, mongo } from 'mongoose'
import type { Change, Committed } from '../ports/ledger.ts'
import { isDuplicate, type MongoConnection } from './mongo-connection.ts'
import { type Step, stepsFor } from './mongo-ledger-steps.ts'
import { type LedgerRow, modelOf } from './mongo-schema.ts'

/** A step of a commit lost; thrown to undo the steps before it. */
class Lost extends Error {
  readonly committed: Extract<Committed, { done: false }>

  constructor(change: number, conflict: 'version' | 'unique') {
    super('a change of the commit lost')
    this.committed = { done: false, change, conflict }
  }
}

/** One change is one write, several are one transaction; either way each is conditional on the version that was expected. */
export async function commitChanges(mongo: MongoConnection, changes: readonly Change[]): Promise<Committed> {
  const steps = stepsFor(changes)
  const takeAll = async (session: ClientSession): Promise<void> => {
    for (const [at, step] of steps.entries()) await take(mongo, step, at, session)
  }
  try {
    if (steps.length === 1) await mongo.ask(takeAll)
    if (steps.length > 1) await mongo.transact(takeAll)
    return { done: true }
  } catch (error) {
    if (!(error instanceof Lost)) throw error
    const { committed } = error
    if (committed.conflict === 'version') await requireLegalMove(mongo, steps[committed.change])
    return committed
  }
}

async function take({ connection }: MongoConnection, step: Step, at: number, session: ClientSession): Promise<void> {
  // Without a document of mongoose around the row: that would take each field of it apart, and twice the time.
  const { collection } = modelOf<LedgerRow>(connection, step.collection)
  const rows = collection as unknown as mongo.Collection<LedgerRow>
  try {
    if ('insert' in step) {
      await rows.insertOne({ ...step.insert }, { session })
      return
    }
    const { states, ...where } = step.where
    const filter: mongo.Filter<LedgerRow> = states ? { ...where, state: { $in: [...states] } } : where
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
async function requireLegalMove(mongo: MongoConnection, step: Step | undefined): Promise<void> {
  if (!step || !('replace' in step) || !step.where.states) return
  const { states: _, ...same } = step.where
  const rows = modelOf<LedgerRow>(mongo.connection, step.collection)
  const there = await mongo.ask(session => rows.findOne(same, { _id: 1 }, { lean: true, session, maxTimeMS: 2_000 }))
  if (there) throw new RangeError(`no row of ${step.collection} makes that move`)
}
