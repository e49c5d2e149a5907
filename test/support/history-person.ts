import type { Caller } from '../../src/domain/caller.ts'
import { type ErrorCode, VaultError } from '../../src/domain/errors.ts'
import type { DocumentId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import type { Role } from '../../src/domain/role.ts'
import type { SubjectEvent } from '../../src/domain/subject.ts'
import type { Answered } from '../../src/guards/idempotency.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { recordEvent } from '../../src/intake/record-event.ts'
import { clausesFor, isClosed, isDue, isInForce, type Memory, type Paper } from './history-memory.ts'
import {
  beginning,
  type Client,
  ending,
  erasing,
  type Picture,
  placing,
  type Request,
  releasing,
  telling,
  uploading,
} from './history-requests.ts'
import { callerAs, readPaper } from './house-work.ts'
import { dueAt, sureAt } from './reckoning.ts'
import type { Seeded } from './seeded.ts'

const dayMs = 86_400_000
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

  readonly #client: Client

  constructor(tenant: TenantId, name: string, chance: Seeded, pictures: readonly Picture[], bornMs: number) {
    this.tenant = tenant
    this.reference = name as SubjectReference
    this.#chance = chance
    this.#pictures = pictures
    this.#bornMs = bornMs
    this.#client = {
      tenant,
      reference: this.reference,
      chance,
      memory: () => this.memory,
      count: () => this.#count,
      key: () => this.#key(),
      as: role => this.#as(role),
      picture: n => this.#picture(n),
      event: (vault, event, key) => this.#event(vault, event, key),
      caught: id => {
        this.#caught = new Set([...this.#caught, id])
      },
    }
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
  mayBeGone(id: DocumentId, nowMs: number, approved: boolean): boolean {
    const by = approved ? 'approval' : 'itself at the earliest'
    return [...this.possible, this.memory].some(memory => isDue(this.tenant, memory, id, nowMs, by))
  }

  /** A hold on this very paper was acknowledged since `settle`, and is in force. */
  isCaught(id: DocumentId): boolean {
    return this.#caught.has(id) && this.memory.cases.some(one => isInForce(one) && one.document === id)
  }

  /** Whether nothing keeps it by what is known for sure. */
  mustBeGone(id: DocumentId, nowMs: number): boolean {
    return isDue(this.tenant, this.memory, id, nowMs, 'itself')
  }

  /** Forgets papers that are destroyed, and takes today's memory for sure. */
  settle(gone: ReadonlySet<DocumentId>): void {
    this.memory = { ...this.memory, papers: this.memory.papers.filter(({ id }) => !gone.has(id)) }
    this.possible = []
    this.#caught = new Set()
  }

  /** When the next of the papers comes due, later than `nowMs`. */
  nextDueMs(nowMs: number): number {
    const clauses = clausesFor(this.tenant)
    const due = this.memory.papers.flatMap(({ type }) => [
      dueAt(clauses, type, this.memory.facts) ?? 0,
      sureAt(clauses, type, this.memory.facts, 'lastMs') ?? 0,
    ])
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
        if (!erased && !this.mayBeGone(id, vault.clock.nowMs(), true)) throw new Error(`a paper is gone early: ${id}`)
      }
    }
  }

  #choose(nowMs: number): Request {
    const { papers, cases, facts } = this.memory
    const kept = papers.filter(({ erased }) => !erased)
    const paper = kept[this.#chance.below(Math.max(1, kept.length))]
    const inForce = cases.filter(isInForce)
    const some = inForce[this.#chance.below(Math.max(1, inForce.length))]
    // One in three is told by years too late.
    const lateMs = this.#chance.below(this.#chance.below(3) === 0 ? 3_000 * dayMs : 5 * dayMs)
    const at = Math.max(this.#bornMs + 2, nowMs - lateMs)
    const dice = this.#chance.below(100)
    const due = kept.find(({ id }) => this.mustBeGone(id, nowMs))
    if (due && dice < 50) return placing(this.#client, nowMs, due)
    if (papers.length === 0 || (dice < 22 && papers.length < 4)) return uploading(this.#client)
    if (dice < 36) return telling(this.#client, { type: 'closed', atMs: at })
    if (dice < 42) return telling(this.#client, { type: 'reopened', atMs: at })
    if (dice < 52) return telling(this.#client, { type: 'deletion.requested', atMs: at })
    if (dice < 60 && paper) return erasing(this.#client, paper)
    if (dice < 72) return placing(this.#client, nowMs, this.#chance.below(2) === 0 ? paper : undefined)
    if (dice < 84 && some) return some.id ? releasing(this.#client, some, nowMs) : ending(this.#client, some, at)
    if (dice < 92 && clausesFor(this.tenant).holds.includes('dispute')) return beginning(this.#client, at)
    if (paper) return this.#reading(paper)
    return facts.closed === undefined ? telling(this.#client, { type: 'closed', atMs: at }) : uploading(this.#client)
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
