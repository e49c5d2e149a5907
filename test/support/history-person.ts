import type { Caller } from '../../src/domain/caller.ts'
import { type ErrorCode, VaultError } from '../../src/domain/errors.ts'
import type { HoldKind } from '../../src/domain/hold.ts'
import type { CaseReference, DocumentId, HoldId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import type { PaperType } from '../../src/domain/media.ts'
import type { Role } from '../../src/domain/role.ts'
import type { SubjectEvent } from '../../src/domain/subject.ts'
import type { Answered } from '../../src/guards/idempotency.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { deposit } from '../../src/intake/deposit.ts'
import { recordEvent } from '../../src/intake/record-event.ts'
import { eraseDocument } from '../../src/retention/erase-document.ts'
import { placeHold } from '../../src/retention/place-hold.ts'
import { releaseHold } from '../../src/retention/release-hold.ts'
import { callerAs, readPaper } from './house-work.ts'
import { type Clauses, clausesOf, dueAt, type Facts } from './reckoning.ts'
import type { Seeded } from './seeded.ts'

const dayMs = 86_400_000
const noSignal = new AbortController().signal
const kinds: Readonly<Record<PaperType, readonly string[]>> = {
  id: ['passport'],
  address: ['utility-bill'],
  selfie: ['portrait'],
  payment_ownership: ['bank-statement'],
}

export const historyTenants = ['nomor-keluar', 'omo7777', 'jnetot'] as TenantId[]
const clauses = new Map<TenantId, Clauses>(historyTenants.map(tenant => [tenant, clausesOf(tenant)]))

/** One case that keeps papers, as the person's history remembers it. */
interface Case {
  readonly key: string
  readonly id?: HoldId
  readonly document?: DocumentId
  readonly began?: number
  readonly ended?: number
}

interface Paper {
  readonly id: DocumentId
  readonly type: PaperType
  readonly picture: number
  /** Two people gave it up: no read reaches it, and the next purge destroys it. */
  readonly erased: boolean
}

/** What must be true of one person's file, if what was acknowledged is all that happened. */
export interface Memory {
  readonly facts: Facts
  readonly cases: readonly Case[]
  readonly papers: readonly Paper[]
}

/** A specimen and the bytes that the vault keeps of it. */
export interface Picture {
  readonly sent: Uint8Array
  readonly kept: Buffer
}

/** Something that a client asks for, and asks for again with the same key until it has an answer. */
interface Request {
  readonly name: string
  readonly send: (vault: Vault) => Promise<unknown>
  /** What is true once it is done. */
  readonly done: (before: Memory, answer: unknown) => Memory
  /** What may be said against it, and then nothing happened. */
  readonly refusals: readonly ErrorCode[]
}

/** Codes after which a client does not know, and asks again. */
const again: ReadonlySet<string> = new Set<ErrorCode>([
  'ledger.unavailable',
  'ledger.conflict',
  'keys.unavailable',
  'blobs.unavailable',
  'trail.unavailable',
  'idempotency.in-flight',
  'unexpected',
])

/** One person at one platform: their papers, what happened to them, and what they ask for next. */
export class HistoryPerson {
  readonly tenant: TenantId
  readonly reference: SubjectReference
  readonly #chance: Seeded
  readonly #pictures: readonly Picture[]
  readonly #bornMs: number
  memory: Memory = { facts: {}, cases: [], papers: [] }
  /** What may have happened since `settle`: the memory before, and what it would be if the request was done. */
  possible: readonly Memory[] = []
  #pending: Request | undefined
  /** Papers that a hold of their own took hold of since `settle`: it was acknowledged, so they were there, and stay. */
  #caught: ReadonlySet<DocumentId> = new Set()
  #count = 0
  /** In the words of the replay. */
  readonly told: string[] = []

  constructor(tenant: TenantId, name: string, chance: Seeded, pictures: readonly Picture[], bornMs: number) {
    this.tenant = tenant
    this.reference = name as SubjectReference
    this.#chance = chance
    this.#pictures = pictures
    this.#bornMs = bornMs
  }

  get isWaiting(): boolean {
    return this.#pending !== undefined
  }

  /** Nothing is left of a closed file: it may have been forgotten, and what comes would be another person's. */
  get isOver(): boolean {
    return this.memory.papers.length === 0 && isClosed(this.memory.facts)
  }

  /** The account is there, and old enough for what it may do. */
  async begin(vault: Vault): Promise<void> {
    await this.#event(vault, { type: 'opened', atMs: this.#bornMs })
    await this.#event(vault, { type: 'tier', atMs: this.#bornMs + 1, tier: 2 })
  }

  /** One step: what is waited for once more, or something new. */
  async step(vault: Vault, nowMs: number): Promise<void> {
    if (this.isOver && !this.#pending) return
    this.#pending ??= this.#choose(nowMs)
    await this.retry(vault)
  }

  async retry(vault: Vault): Promise<void> {
    const request = this.#pending
    if (!request) return
    this.possible = [...this.possible, this.memory]
    try {
      const answer = await request.send(vault)
      this.memory = request.done(this.memory, answer)
      this.told.push(request.name)
      this.#pending = undefined
    } catch (error) {
      const code = error instanceof VaultError ? error.code : 'unexpected'
      if (again.has(code)) {
        this.told.push(`${request.name} ? ${code}`)
        return
      }
      if (!request.refusals.includes(code))
        throw new Error(`${request.name} was refused with ${code}`, { cause: error })
      this.told.push(`${request.name} ! ${code}`)
      this.#pending = undefined
    }
    this.possible = [...this.possible, this.memory]
  }

  /** Whether the law lets this paper be destroyed at `nowMs`, by what one of the memories says. */
  mayBeGone(id: DocumentId, nowMs: number): boolean {
    return [...this.possible, this.memory].some(memory => this.#isDue(memory, id, nowMs))
  }

  /** A hold on this very paper was acknowledged since `settle`, and is in force. */
  isCaught(id: DocumentId): boolean {
    return this.#caught.has(id) && this.memory.cases.some(one => isInForce(one) && one.document === id)
  }

  /** Whether nothing keeps it by what is known for sure. */
  mustBeGone(id: DocumentId, nowMs: number): boolean {
    return this.#isDue(this.memory, id, nowMs)
  }

  /** Forgets papers that are destroyed, and takes today's memory for sure. */
  settle(gone: ReadonlySet<DocumentId>): void {
    this.memory = { ...this.memory, papers: this.memory.papers.filter(({ id }) => !gone.has(id)) }
    this.possible = []
    this.#caught = new Set()
  }

  /** When the next of the papers comes due, later than `nowMs`. */
  nextDueMs(nowMs: number): number {
    const due = this.memory.papers.map(({ type }) => dueAt(this.#clauses, type, this.memory.facts) ?? 0)
    return Math.min(...due.filter(at => at > nowMs))
  }

  /** Every paper that is not given up reads as it was sent; one that is does not. */
  async read(vault: Vault, { id, picture, erased }: Paper): Promise<void> {
    try {
      const bytes = await readPaper(vault, id, { caller: this.#as('senior-reviewer') })
      if (erased) throw new Error(`a paper that was given up opened: ${id}`)
      if (!bytes.equals(this.#picture(picture).kept)) throw new Error(`a paper changed: ${id}`)
    } catch (error) {
      if (!(error instanceof VaultError) || !again.has(error.code)) {
        if (!(error instanceof VaultError) || error.code !== 'document.purged') throw error
        if (!erased && !this.mayBeGone(id, vault.clock.nowMs())) throw new Error(`a paper is gone early: ${id}`)
      }
    }
  }

  #isDue({ facts, cases, papers }: Memory, id: DocumentId, nowMs: number): boolean {
    const paper = papers.find(one => one.id === id)
    if (!paper) return false
    if (paper.erased) return true
    const held = cases.some(one => isInForce(one) && (one.document === undefined || one.document === id))
    const due = dueAt(this.#clauses, paper.type, facts)
    return !held && due !== undefined && due <= nowMs
  }

  get #clauses(): Clauses {
    return clauses.get(this.tenant) as Clauses
  }

  #choose(nowMs: number): Request {
    const { papers, cases, facts } = this.memory
    const kept = papers.filter(({ erased }) => !erased)
    const paper = kept[this.#chance.below(Math.max(1, kept.length))]
    const inForce = cases.filter(isInForce)
    const some = inForce[this.#chance.below(Math.max(1, inForce.length))]
    const at = Math.max(this.#bornMs + 2, nowMs - this.#chance.below(5 * dayMs))
    const dice = this.#chance.below(100)
    const due = kept.find(({ id }) => this.mustBeGone(id, nowMs))
    if (due && dice < 50) return this.#placing(nowMs, due)
    if (papers.length === 0 || (dice < 22 && papers.length < 4)) return this.#upload()
    if (dice < 36) return this.#told({ type: 'closed', atMs: at })
    if (dice < 42) return this.#told({ type: 'reopened', atMs: at })
    if (dice < 52) return this.#told({ type: 'deletion.requested', atMs: at })
    if (dice < 60 && paper) return this.#erasure(paper)
    if (dice < 72) return this.#placing(nowMs, this.#chance.below(2) === 0 ? paper : undefined)
    if (dice < 84 && some) return some.id ? this.#releasing(some, nowMs) : this.#ending(some, at)
    if (dice < 92 && this.#clauses.holds.includes('dispute')) return this.#beginning(at)
    if (paper) return this.#reading(paper)
    return facts.closed === undefined ? this.#told({ type: 'closed', atMs: at }) : this.#upload()
  }

  #upload(): Request {
    const types = Object.keys(this.#clauses.retention) as PaperType[]
    const type = types[this.#chance.below(types.length)] as PaperType
    const key = this.#key()
    const picture = this.#count
    const collect = async () => Uint8Array.from(this.#picture(picture).sent)
    const scope = `POST /v1/subjects/${this.reference}/documents`
    const kind = this.tenant === 'omo7777' && type === 'id' ? 'e-ktp' : (kinds[type][0] ?? '')
    const input = { reference: this.reference, type, kind, idempotency: { scope, key }, collect, signal: noSignal }
    return {
      name: `upload ${type}`,
      send: vault => deposit(vault, this.#as('onboarding'), input),
      done: (before, answer) => {
        const { id } = JSON.parse((answer as Answered).body)
        return { ...before, papers: [...before.papers, { id, type, picture, erased: false }] }
      },
      refusals: isClosed(this.memory.facts) ? ['subject.closed'] : [],
    }
  }

  #told(event: { readonly type: 'closed' | 'reopened' | 'deletion.requested'; readonly atMs: number }): Request {
    const key = this.#key()
    return {
      name: `${event.type} ${new Date(event.atMs).toISOString()}`,
      send: vault => this.#event(vault, event, key),
      done: before => ({ ...before, facts: withFact(before.facts, event.type, event.atMs) }),
      refusals: [],
    }
  }

  #beginning(atMs: number): Request {
    const begins = `D-${this.#count}` as CaseReference
    const idempotent = this.#key()
    return {
      name: `dispute.opened ${begins}`,
      send: vault => this.#event(vault, { type: 'dispute.opened', atMs, case: begins }, idempotent),
      done: before => ({ ...before, cases: [...before.cases, { key: begins, began: atMs }] }),
      refusals: ['hold.too-late', 'hold.too-many'],
    }
  }

  #ending(some: Case, at: number): Request {
    const atMs = Math.max(at, (some.began ?? 0) + 1)
    const key = this.#key()
    return {
      name: `dispute.resolved ${some.key}`,
      send: vault => this.#event(vault, { type: 'dispute.resolved', atMs, case: some.key as CaseReference }, key),
      done: before => changed(before, some.key, { ended: atMs }),
      // After a clock was set back the beginning lies in the future, and so does an end after it.
      refusals: ['event.contradictory'],
    }
  }

  #placing(nowMs: number, paper: Paper | undefined): Request {
    const { holds } = this.#clauses
    const kind = holds[this.#chance.below(holds.length)] as HoldKind
    const key = this.#key()
    const named = `L-${this.#count}` as CaseReference
    const document = paper ? { document: paper.id } : {}
    return {
      name: `hold ${kind} ${named} ${paper ? paper.id : 'all'}`,
      send: vault =>
        placeHold(vault, this.#as('legal'), {
          reference: this.reference,
          kind,
          case: named,
          ...document,
          idempotency: { scope: 'POST /v1/holds', key },
        }),
      done: (before, answer) => {
        const { id } = JSON.parse((answer as Answered).body)
        if (paper) this.#caught = new Set([...this.#caught, paper.id])
        return { ...before, cases: [...before.cases, { key: named, id, began: nowMs, ...document }] }
      },
      refusals: ['hold.too-late', 'document.purged', 'subject.unknown', 'document.unknown', 'hold.too-many'],
    }
  }

  #releasing(some: Case, nowMs: number): Request {
    const key = this.#key()
    return {
      name: `release ${some.key}`,
      send: vault =>
        releaseHold(vault, this.#as('dpo'), {
          id: some.id as HoldId,
          reason: { purpose: undefined, case: undefined },
          second: this.#as('legal'),
          idempotency: { scope: `POST /v1/holds/${some.id}/release`, key },
        }),
      done: before => changed(before, some.key, { ended: Math.max(nowMs, (some.began ?? 0) + 1) }),
      refusals: ['hold.unknown'],
    }
  }

  #erasure(paper: Paper): Request {
    const key = this.#key()
    const held = this.memory.cases.some(
      one => isInForce(one) && (one.document === undefined || one.document === paper.id),
    )
    return {
      name: `erase ${paper.id}`,
      send: vault =>
        eraseDocument(vault, this.#as('dpo'), {
          id: paper.id,
          why: 'uploaded-in-error',
          reason: { purpose: 'subject_request', case: 'E-1' as CaseReference },
          second: this.#as('legal'),
          idempotency: { scope: `POST /v1/documents/${paper.id}/erasure`, key },
        }),
      done: before => ({
        ...before,
        papers: before.papers.map(one => (one.id === paper.id ? { ...one, erased: true } : one)),
      }),
      refusals: ['document.purged', ...(held ? (['document.held'] as const) : [])],
    }
  }

  #reading(paper: Paper): Request {
    return { name: `read ${paper.id}`, send: vault => this.read(vault, paper), done: before => before, refusals: [] }
  }

  #event(vault: Vault, event: SubjectEvent, key = this.#key()): Promise<Answered> {
    const idempotency = { scope: `POST /v1/subjects/${this.reference}/events`, key }
    return recordEvent(vault, this.#as('onboarding'), { reference: this.reference, event, idempotency })
  }

  #as(role: Role): Caller {
    return callerAs(role, role, this.tenant)
  }

  #picture(n: number): Picture {
    return this.#pictures[n % this.#pictures.length] as Picture
  }

  #key(): string {
    this.#count++
    return `${this.reference}-${this.#count}`
  }
}

function isClosed({ closed, reopened }: Facts): boolean {
  return closed !== undefined && (reopened === undefined || closed > reopened)
}

function withFact(facts: Facts, type: 'closed' | 'reopened' | 'deletion.requested', atMs: number): Facts {
  switch (type) {
    case 'closed':
      return { ...facts, closed: Math.max(facts.closed ?? 0, atMs) }
    case 'reopened':
      return { ...facts, reopened: Math.max(facts.reopened ?? 0, atMs) }
    case 'deletion.requested':
      return { ...facts, asked: [...(facts.asked ?? []), atMs] }
  }
}

function isInForce({ began, ended }: Case): boolean {
  return began !== undefined && (ended === undefined || ended <= began)
}

function changed(before: Memory, key: string, told: Partial<Case>): Memory {
  return { ...before, cases: before.cases.map(one => (one.key === key ? { ...one, ...told } : one)) }
}
