import { type Model, trusted } from 'mongoose'
import type { Budgets } from '../ports/budgets.ts'
import { isDuplicate, type MongoConnection } from './mongo-connection.ts'
import { modelOf, type SpendRow } from './mongo-schema.ts'

interface Spent {
  readonly granted: boolean
  readonly spent: number
}

/** Counters in the collection `spends`, one row for each key and window, which the server forgets a month after its last use. */
export class MongoBudgets implements Budgets {
  readonly #mongo: MongoConnection
  readonly #spends: Model<SpendRow>

  constructor(mongo: MongoConnection) {
    this.#mongo = mongo
    this.#spends = modelOf(mongo.connection, 'spends')
  }

  /** The ceiling is a condition of the write. Where two make the row at once, one of them finds it there and tries again. */
  async spend(key: string, windowStartMs: number, amount: number, ceiling: number): Promise<Spent> {
    const id = `${windowStartMs}/${key}`
    for (;;) {
      const after = amount > ceiling ? undefined : await this.#add(id, amount, ceiling)
      if (after !== undefined) return { granted: true, spent: after }
      const spent = await this.#look(id)
      if (spent + amount > ceiling) return { granted: false, spent }
    }
  }

  /** @returns the sum after it, or undefined when it did not fit or another made the row meanwhile */
  async #add(id: string, amount: number, ceiling: number): Promise<number | undefined> {
    const fits = { _id: id, spent: trusted({ $lte: ceiling - amount }) }
    const change = { $inc: { spent: amount }, $currentDate: { spentAt: true } } as const
    try {
      const row = await this.#mongo.ask(session =>
        this.#spends.findOneAndUpdate(fits, change, { session, upsert: true, returnDocument: 'after', lean: true }),
      )
      return row?.spent
    } catch (error) {
      if (isDuplicate(error)) return undefined
      throw error
    }
  }

  async #look(id: string): Promise<number> {
    const row = await this.#mongo.ask(session =>
      this.#spends.findOne({ _id: id }, undefined, { session, lean: true, maxTimeMS: 2_000 }),
    )
    return row?.spent ?? 0
  }
}
