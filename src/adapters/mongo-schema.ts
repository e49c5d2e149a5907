import { type Connection, type IndexDefinition, type IndexOptions, type Model, Schema } from 'mongoose'

/** A row of the ledger: the domain's own value, and beside it only what a query or a rule needs. */
export interface LedgerRow {
  /** `<tenant>/<id>`; of answers and API keys, whose ids are unique across tenants, the id alone. */
  readonly _id: string
  readonly tenant: string
  readonly version: number
  readonly body: unknown
  readonly subject?: string
  readonly state?: string
  /** Of documents, only while one file may lie there once. */
  readonly liveUpload?: string
  readonly blobKey?: string
  /** Of documents, only while the sweep may have to look at them. */
  readonly dueMs?: number
  readonly reference?: string
  readonly document?: string
  readonly expiresMs?: number
  /** Of subjects: when the clock of retention looks at them, and what it keeps lists of. */
  readonly lookMs?: number
  readonly held?: true
  readonly unanswered?: true
  readonly answerMs?: number
  /** Of tombstones. */
  readonly purgedMs?: number
}

export interface LeaseRow {
  readonly _id: string
  readonly holder: string
  readonly untilMs: number
  readonly fence: number
}

export interface BatchRow {
  readonly log: string
  readonly seq: number
  readonly first: number
  readonly n: number
  readonly prevRoot: Buffer
  readonly root: Buffer
  readonly frontier: Buffer
  readonly entries: Buffer
  readonly inst: string
  readonly nonce: Buffer
  readonly timeMs: number
}

export interface WrappedKeyRow {
  readonly _id: string
  readonly tenant: string
  readonly document: string
  readonly epoch: string
  readonly edks: readonly { readonly provider: string; readonly info: Buffer; readonly blob: Buffer }[]
  readonly createdAtMs: number
  readonly rewrapped?: { readonly log: string; readonly index: number }
}

/** An epoch that takes no wrapped key of this tenant any more. */
export interface ClosedEpochRow {
  /** `<tenant>/<epoch>`. */
  readonly _id: string
  readonly tenant: string
  readonly epoch: string
}

export interface SpendRow {
  readonly _id: string
  readonly spent: number
  readonly spentAt: Date
}

/** A row that is written to show that one can be. */
export interface ProbeRow {
  readonly _id: string
  readonly n: number
}

type Index = readonly [IndexDefinition, IndexOptions]

/** Rows carry their own version and times; `_id` is always the vault's own. */
const options = { strict: 'throw', versionKey: false, minimize: false, _id: false } as const

const ledgerFields = {
  _id: String,
  tenant: String,
  version: Number,
  body: Schema.Types.Mixed,
  subject: String,
  state: String,
  liveUpload: String,
  blobKey: String,
  dueMs: Number,
  reference: String,
  document: String,
  expiresMs: Number,
  lookMs: Number,
  held: Boolean,
  unanswered: Boolean,
  answerMs: Number,
  purgedMs: Number,
}
const whileThere = (field: string): IndexOptions => ({ partialFilterExpression: { [field]: { $exists: true } } })

/** Of one database: fields and indexes of each collection. */
const collections = {
  documents: {
    fields: ledgerFields,
    indexes: [
      [
        { tenant: 1, subject: 1, liveUpload: 1 },
        { unique: true, ...whileThere('liveUpload') },
      ],
      [{ tenant: 1, subject: 1, _id: 1 }, {}],
      [{ tenant: 1, dueMs: 1, _id: 1 }, whileThere('dueMs')],
      [{ blobKey: 1 }, whileThere('blobKey')],
      [{ tenant: 1, state: 1, _id: 1 }, { partialFilterExpression: { state: 'purging' } }],
      [{ tenant: 1, purgedMs: 1 }, whileThere('purgedMs')],
      [{ tenant: 1, 'body.policyVersion': 1 }, { partialFilterExpression: { state: 'stored' } }],
    ],
  },
  subjects: {
    fields: ledgerFields,
    indexes: [
      [{ tenant: 1, reference: 1 }, { unique: true }],
      [{ tenant: 1, lookMs: 1, _id: 1 }, whileThere('lookMs')],
      [{ tenant: 1, held: 1, _id: 1 }, { partialFilterExpression: { held: true } }],
      [{ tenant: 1, unanswered: 1, _id: 1 }, { partialFilterExpression: { unanswered: true } }],
      [{ tenant: 1, answerMs: 1 }, whileThere('answerMs')],
    ],
  },
  reviews: {
    fields: ledgerFields,
    indexes: [
      [{ tenant: 1, document: 1 }, { unique: true }],
      [{ tenant: 1, state: 1, _id: 1 }, {}],
    ],
  },
  desks: { fields: ledgerFields, indexes: [] },
  answers: {
    fields: ledgerFields,
    indexes: [
      [{ tenant: 1, expiresMs: 1, _id: 1 }, {}],
      [{ tenant: 1, _id: 1 }, {}],
      [{ tenant: 1, document: 1, _id: 1 }, whileThere('document')],
      [{ tenant: 1, subject: 1, _id: 1 }, whileThere('subject')],
    ],
  },
  api_keys: { fields: ledgerFields, indexes: [[{ tenant: 1, _id: 1 }, {}]] },
  denied_tokens: { fields: ledgerFields, indexes: [[{ tenant: 1, expiresMs: 1, _id: 1 }, {}]] },
  epochs: { fields: ledgerFields, indexes: [] },
  purge_runs: { fields: ledgerFields, indexes: [[{ tenant: 1, state: 1, _id: 1 }, {}]] },
  purge_pages: { fields: ledgerFields, indexes: [] },
  approvals: { fields: ledgerFields, indexes: [[{ tenant: 1, state: 1, _id: 1 }, {}]] },
  retention_states: { fields: ledgerFields, indexes: [] },
  leases: { fields: { _id: String, holder: String, untilMs: Number, fence: Number }, indexes: [] },
  // Counted from the last spending, by the server's clock: every window is much shorter.
  spends: {
    fields: { _id: String, spent: Number, spentAt: Date },
    indexes: [[{ spentAt: 1 }, { expireAfterSeconds: 32 * 24 * 3_600 }]],
  },
  trail_batches: {
    fields: {
      log: String,
      seq: Number,
      first: Number,
      n: Number,
      prevRoot: Buffer,
      root: Buffer,
      frontier: Buffer,
      entries: Buffer,
      inst: String,
      nonce: Buffer,
      timeMs: Number,
    },
    indexes: [
      [{ log: 1, seq: 1 }, { unique: true }],
      [{ log: 1, first: 1 }, {}],
    ],
  },
  trail_probes: { fields: { _id: String, n: Number }, indexes: [] },
  wrapped_keys: {
    fields: {
      _id: String,
      tenant: String,
      document: String,
      epoch: String,
      edks: [{ provider: String, info: Buffer, blob: Buffer, _id: false }],
      createdAtMs: Number,
      rewrapped: Schema.Types.Mixed,
    },
    indexes: [[{ epoch: 1, tenant: 1, _id: 1 }, {}]],
  },
  closed_epochs: { fields: { _id: String, tenant: String, epoch: String }, indexes: [] },
} satisfies Record<string, { readonly fields: object; readonly indexes: readonly Index[] }>

export type CollectionName = keyof typeof collections
export const keyCollections: readonly CollectionName[] = ['wrapped_keys', 'closed_epochs']
export const mainCollections = (Object.keys(collections) as CollectionName[]).filter(
  name => !keyCollections.includes(name),
)

/** The collection as mongoose knows it on this connection. */
export function modelOf<Row>(connection: Connection, name: CollectionName): Model<Row> {
  const known = connection.models[name]
  if (known) return known as unknown as Model<Row>
  const { fields } = collections[name]
  const schema = new Schema(fields, name === 'trail_batches' ? { ...options, _id: true } : options)
  return connection.model(name, schema, name) as unknown as Model<Row>
}

export const indexesOf = (name: CollectionName): readonly Index[] => collections[name].indexes
