import { type ClientSession, type Connection, Mongoose, mongo } from 'mongoose'
import { type ErrorCode, VaultError } from '../domain/errors.ts'

export interface MongoPlace {
  /** `mongodb://` or `mongodb+srv://`; holds a password. What it says of concerns and preferences is overruled. */
  readonly uri: string
  readonly database: string
  /** For building indexes and the like: a server may be silent for as long as it works. */
  readonly atLeisure?: boolean
}

/** What a store says when it does not answer, or says no for reasons of its own. */
type Unavailable = Extract<ErrorCode, 'ledger.unavailable' | 'keys.unavailable' | 'trail.unavailable'>
type Work<Answer> = (session: ClientSession) => Promise<Answer>
type OperationTime = NonNullable<ClientSession['operationTime']>

/** Port stores answer within 2 s; what is left is for the way there and back. */
const answerWithinMs = 1_900
/**
 * Nobody waits for an answer by then. A connection that died in silence is given up, so that a transaction it was in the middle
 * of is aborted by another: until then its rows are locked for everybody.
 */
const silenceMs = 2_500
const pauseMs = 4
const outOfDisk = new Set([14_031, 10_003])

/**
 * One database of a replica set. Every write is acknowledged by a majority, journalled; every read is of what a majority has,
 * from the primary, and no older than whatever this process last read or wrote there: a primary that was deposed without
 * knowing it cannot answer such a read. Dispose of the one that was opened, not of its views.
 */
export class MongoConnection implements AsyncDisposable {
  readonly #connection: Connection
  readonly #unavailable: Unavailable
  readonly #times: { seen?: OperationTime }

  /** Use `openMongo`. */
  constructor(connection: Connection, unavailable: Unavailable, times: { seen?: OperationTime } = {}) {
    this.#connection = connection
    this.#unavailable = unavailable
    this.#times = times
  }

  get connection(): Connection {
    return this.#connection
  }

  /** The same connections for another port, perhaps another database: what one has written, the other sees. */
  as(unavailable: Unavailable, database = this.#connection.name): MongoConnection {
    const isSame = database === this.#connection.name
    const connection = isSame ? this.#connection : this.#connection.useDb(database, { useCache: true })
    return new MongoConnection(connection, unavailable, this.#times)
  }

  /**
   * Runs calls that belong together, each given the session. After a failure a write has happened or not.
   *
   * @throws {VaultError} of the port - no answer in time, or a failure of the server
   * @throws {VaultError} storage.full - no room
   */
  async ask<Answer>(work: Work<Answer>): Promise<Answer> {
    const session = this.#connection.getClient().startSession({ causalConsistency: true })
    if (this.#times.seen) session.advanceOperationTime(this.#times.seen)
    return this.#inTime(this.#through(session, work))
  }

  /**
   * All of `work` or nothing. It may run more than once: on a conflict with another transaction nothing of it has happened, and
   * an unknown end of the commit is asked for again, which commits nothing twice. A value that is thrown ends it undone.
   */
  async transact<Answer>(work: Work<Answer>): Promise<Answer> {
    const untilMs = performance.now() + answerWithinMs
    return this.ask(async session => {
      for (;;) {
        try {
          session.startTransaction({ readConcern: { level: 'snapshot' }, readPreference: 'primary' })
          const answer = await work(session)
          await commit(session, untilMs)
          return answer
        } catch (error) {
          if (session.inTransaction()) await session.abortTransaction().catch(() => undefined)
          if (!hasLabel(error, 'TransientTransactionError') || performance.now() > untilMs) throw error
          await new Promise(resolve => setTimeout(resolve, Math.random() * pauseMs))
        }
      }
    })
  }

  /** What the clock of the primary says: epoch ms. */
  async serverNowMs(): Promise<number> {
    const admin = this.#connection.getClient().db('admin')
    const { localTime } = await this.ask(() => admin.command({ hello: 1 }))
    return (localTime as Date).getTime()
  }

  /** For work that nobody waits for at a door, such as building an index: no deadline. */
  async atLeisure<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    try {
      return await work()
    } catch (error) {
      throw this.#translated(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close()
  }

  async #through<Answer>(session: ClientSession, work: Work<Answer>): Promise<Answer> {
    try {
      return await work(session)
    } finally {
      const { operationTime } = session
      const { seen } = this.#times
      if (operationTime && (!seen || operationTime.greaterThan(seen))) this.#times.seen = operationTime
      await session.endSession()
    }
  }

  /** What is still under way when its time is up ends by itself, at the limits of the driver; nobody hears of it. */
  async #inTime<Answer>(asked: Promise<Answer>): Promise<Answer> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => reject(new VaultError(this.#unavailable)), answerWithinMs)
    asked.catch(() => undefined)
    try {
      return await Promise.race([asked, late])
    } catch (error) {
      throw this.#translated(error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** What an adapter understands passes: a duplicate key, its own refusals and defects. */
  #translated(error: unknown): unknown {
    if (isDuplicate(error) || !isOfDatabase(error)) return error
    const isFull = error instanceof mongo.MongoServerError && outOfDisk.has(Number(error.code))
    return new VaultError(isFull ? 'storage.full' : this.#unavailable, {}, error)
  }
}

async function commit(session: ClientSession, untilMs: number): Promise<void> {
  for (;;) {
    try {
      return await session.commitTransaction()
    } catch (error) {
      if (!hasLabel(error, 'UnknownTransactionCommitResult') || performance.now() > untilMs) throw error
    }
  }
}

/** A unique index holds the key already. */
export function isDuplicate(error: unknown): error is mongo.MongoServerError {
  return error instanceof mongo.MongoServerError && error.code === 11_000
}

function hasLabel(error: unknown, label: string): boolean {
  return error instanceof mongo.MongoError && error.hasErrorLabel(label)
}

function isOfDatabase(error: unknown): boolean {
  if (error instanceof mongo.MongoError) return true
  if (!(error instanceof Error)) return false
  // Mongoose wraps what the driver says of a server it cannot reach; its other errors are defects of a query.
  if (error.name === 'MongooseServerSelectionError' || error.name === 'MongooseError') return true
  // A socket that ends while it is written to is told as the system told it.
  return 'code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code)
}

const ours = new Set(['w', 'journal', 'j', 'wtimeout', 'wtimeoutms', 'fsync', 'readconcernlevel', 'readpreference'])

/** The URI without what the vault decides: the driver would let it win over the options. */
function withoutConcerns(uri: string): string {
  const [place = '', query = ''] = uri.split('?', 2)
  const kept = query.split('&').filter(pair => !ours.has((pair.split('=')[0] ?? '').toLowerCase()))
  return `${place}?${kept.join('&')}`
}

/**
 * Connects, in an instance of mongoose of its own, so that no setting here is anybody else's.
 *
 * @throws {VaultError} of the port - no primary within 3 s
 * @throws {VaultError} config.invalid - the URI is none
 */
export async function openMongo(
  { uri, database, atLeisure = false }: MongoPlace,
  unavailable: Unavailable,
): Promise<MongoConnection> {
  const mongoose = new Mongoose()
  mongoose.set({
    bufferCommands: false,
    autoIndex: false,
    autoCreate: false,
    strictQuery: 'throw',
    sanitizeFilter: true,
  })
  try {
    const connection = mongoose.createConnection(withoutConcerns(uri), {
      dbName: database,
      appName: 'kyc-document-vault',
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: answerWithinMs },
      readConcern: { level: 'majority' },
      readPreference: 'primary',
      retryWrites: true,
      retryReads: true,
      promoteBuffers: true,
      ignoreUndefined: true,
      maxPoolSize: 64,
      serverSelectionTimeoutMS: 3_000,
      connectTimeoutMS: 2_000,
      socketTimeoutMS: atLeisure ? 0 : silenceMs,
      waitQueueTimeoutMS: answerWithinMs,
      heartbeatFrequencyMS: 2_000,
    })
    return new MongoConnection(await connection.asPromise(), unavailable)
  } catch (error) {
    if (isOfDatabase(error) && !(error instanceof mongo.MongoParseError)) throw new VaultError(unavailable, {}, error)
    const problems = [{ field: 'VAULT_MONGODB_URI_FILE', message: 'holds no URI of a replica set' }]
    throw new VaultError('config.invalid', { problems }, error)
  }
}
