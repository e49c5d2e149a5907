import type { Document, PurgingDocument, StoredDocument } from '../../src/domain/document.ts'
import type { DocumentId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import type { Role } from '../../src/domain/role.ts'
import type { Subject } from '../../src/domain/subject.ts'
import type { Change } from '../../src/ports/ledger.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { type CallAnswer, type CallOptions, call, paper } from './call.ts'
import { noisePicture } from './house-work.ts'
import { ManualClock } from './manual-clock.ts'
import { openVault, type TenantName, type TestVault, type TestVaultOptions } from './open-vault.ts'
import { rawGrant } from './raw-grant.ts'

/** People of one tenant and their platform, at a vault of their own whose clock stands still until it is moved. */
export interface FileDesk extends AsyncDisposable {
  readonly opened: TestVault
  readonly clock: ManualClock
  /** Below the gate. */
  readonly ports: Ports
  ask(role: Role, method: string, path: string, options?: Omit<CallOptions, 'key'>): Promise<CallAnswer>
  /** A POST with an idempotency key of its own, unless one is named. */
  post(role: Role, path: string, json?: unknown, headers?: Readonly<Record<string, string>>): Promise<CallAnswer>
  /** What the platform tells of a subject. `at` an ISO date, or ms before now; now unless told. */
  tell(
    subject: string,
    type: string,
    more?: { readonly at?: string; readonly [field: string]: unknown },
  ): Promise<CallAnswer>
  /** @returns the id of the paper */
  upload(subject: string, type?: string, kind?: string): Promise<DocumentId>
  subject(reference: string): Promise<Subject>
  document(id: DocumentId): Promise<Document>
  /** The header of another person beside the caller. */
  beside(role: Role): { readonly 'Vault-Second-Authorization': string }
}

/** A vault of its own, seen by the people of one tenant. */
export async function openFileDesk(
  tenant: TenantName,
  { startMs = Date.now(), ...options }: Pick<TestVaultOptions, 'wrapPorts' | 'metricsPort'> & { startMs?: number } = {},
): Promise<FileDesk> {
  const clock = new ManualClock(startMs)
  let below: Ports | undefined
  const opened = await openVault({
    ...options,
    clock,
    wrapPorts: found => {
      below = found
      return options.wrapPorts?.(found) ?? found
    },
  })
  if (!below) throw new Error('a vault without ports')
  const ports = below
  const { url } = opened.door
  const tenantId = tenant as TenantId
  let count = 0
  const fresh = (): string => `key-${++count}`

  const ask: FileDesk['ask'] = (role, method, path, more = {}) =>
    call(url, method, path, { key: opened.key(tenant, role), ...more })
  const post: FileDesk['post'] = (role, path, json, headers = {}) =>
    ask(role, 'POST', path, {
      headers: { 'Idempotency-Key': fresh(), ...headers },
      ...(json === undefined ? {} : { json }),
    })
  return {
    opened,
    clock,
    ports,
    ask,
    post,
    tell: (subject, type, more = {}) => {
      const { at = new Date(clock.nowMs()).toISOString(), ...rest } = more
      return post('onboarding', `/v1/subjects/${subject}/events`, { type, at, ...rest })
    },
    upload: async (subject, type = 'id', kind = 'passport') => {
      const answer = await ask('onboarding', 'POST', `/v1/subjects/${subject}/documents`, {
        headers: { 'Idempotency-Key': fresh() },
        body: paper({ type, kind }, await noisePicture(++count, 40)),
      })
      if (answer.status !== 201) throw new Error(`the upload was refused: ${answer.json.code}`)
      return answer.json.id
    },
    subject: async reference => required(await ports.ledger.findSubject(tenantId, reference as SubjectReference)),
    document: async id => required(await ports.ledger.findDocument(tenantId, id)),
    beside: role => ({ 'Vault-Second-Authorization': `Bearer ${opened.key(tenant, role)}` }),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}

function required<Row>(row: Row | undefined): Row {
  if (row === undefined) throw new Error('no such row')
  return row
}

/** What a purge commits together: papers given up, and the version of the subject that it was decided on. */
export function givingUp(subject: Subject, documents: readonly StoredDocument[], nowMs: number): readonly Change[] {
  return [
    ...documents.map((document): Change => {
      const purging: PurgingDocument = {
        ...document,
        state: 'purging',
        purgingSinceMs: nowMs,
        purge: { kind: 'lapse', basis: 'term:identity-records' },
        attempts: 0,
        version: document.version + 1,
      }
      return { row: 'document', expected: document.version, put: purging }
    }),
    { row: 'subject', expected: subject.version, put: { ...subject, version: subject.version + 1 } },
  ]
}

/** Gives papers of a subject up as a purge does, whatever their clocks say. */
export async function giveUp(desk: FileDesk, reference: string, ids: readonly DocumentId[]): Promise<void> {
  const documents = await Promise.all(ids.map(id => desk.document(id)))
  const stored = documents.filter(document => document.state === 'stored')
  const changes = givingUp(await desk.subject(reference), stored, desk.clock.nowMs())
  const committed = await desk.ports.ledger.commit(rawGrant, changes)
  if (!committed.done) throw new Error('the papers were not given up')
}

/** Destroys papers that were given up, and leaves their tombstones; with `forget` the subject goes too. */
export async function bury(desk: FileDesk, reference: string, forget: boolean): Promise<void> {
  const { ledger } = desk.ports
  const { tenant, id, version } = await desk.subject(reference)
  const live = await ledger.liveDocuments(tenant, id, { limit: 100 })
  const tombs = live.flatMap((document): readonly Change[] => {
    if (document.state !== 'purging') return []
    const { id, tenant, subject, type, policyVersion, storedAtMs, depositedBy, trail, purge } = document
    const kept = {
      id,
      tenant,
      subject,
      type,
      policyVersion,
      storedAtMs,
      basis: purge.basis,
      depositedBy,
      certificate: trail,
    }
    const put = { ...kept, state: 'purged' as const, purgedAtMs: desk.clock.nowMs(), version: document.version + 1 }
    return [{ row: 'document', expected: document.version, put }]
  })
  const answers = forget ? await ledger.answersOf(tenant, { subjects: [id] }) : []
  const gone: readonly Change[] = [
    ...(forget ? [{ row: 'subject' as const, expected: version, forget: { tenant, id } }] : []),
    ...answers.map(({ key, version: expected }): Change => ({ row: 'answer', expected, forget: { key } })),
  ]
  const committed = await ledger.commit(rawGrant, [...tombs, ...gone])
  if (!committed.done) throw new Error('the papers were not buried')
}
