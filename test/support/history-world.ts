import { setTimeout as timer } from 'node:timers/promises'
import { VaultError } from '../../src/domain/errors.ts'
import type { DocumentId, TenantId } from '../../src/domain/ids.ts'
import { purgeLimits } from '../../src/domain/purge-run.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { confirmClock } from '../../src/retention/confirm-clock.ts'
import { advanceEpochs } from '../../src/upkeep/epochs.ts'
import { sweepDeposits } from '../../src/upkeep/sweep-deposits.ts'
import { GrantSweep } from '../../src/upkeep/sweep-grants.ts'
import { type AtCall, failureOf, watchPorts } from './failing-ports.ts'
import { historyTenants } from './history-memory.ts'
import { HistoryPerson } from './history-person.ts'
import { purgeTenant } from './history-purge.ts'
import type { Picture } from './history-requests.ts'
import { callerAs, findingsOf } from './house-work.ts'
import { rotateKey } from './rotation.ts'
import { Seeded } from './seeded.ts'
import { SteppedClock } from './stepped-clock.ts'
import { newVaultFolder, openWrapped, type VaultFolder, type WrappedVault } from './vault-folder.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const noSignal = new AbortController().signal
const bornMs = Date.UTC(2027, 0, 31, 12)

/** What happened in a run of histories, for the report. */
export interface Tally {
  histories: number
  steps: number
  destroyed: number
  crashes: number
  rotations: number
  untrusted: number
  races: number
  /** Papers that were due only by what was told late: destroyed since a person approved it, or left waiting after a purge. */
  approved: number
  waiting: number
}

/** One embedded vault, many persons side by side in it, and what happens to all of them: purges, crashes, clocks, new keys. */
export class HistoryWorld implements AsyncDisposable {
  readonly #folder: VaultFolder
  readonly #clock = new SteppedClock(bornMs + 30 * dayMs)
  readonly #chance: Seeded
  readonly #persons: readonly HistoryPerson[]
  readonly #tally: Tally
  #open: WrappedVault
  #at: AtCall = () => undefined
  /** The latest time at which a purge began since the last judgement: a clock set back afterwards undoes none. */
  #purgedMs = Number.NEGATIVE_INFINITY
  /** Papers of plans that a person approved since the last judgement, though they were told of late. */
  readonly #approved = new Set<DocumentId>()
  /** In the words of the replay. */
  readonly told: string[] = []

  private constructor(folder: VaultFolder, chance: Seeded, persons: readonly HistoryPerson[], tally: Tally) {
    this.#folder = folder
    this.#chance = chance
    this.#persons = persons
    this.#tally = tally
    this.#open = undefined as unknown as WrappedVault
  }

  static async begin(chance: Seeded, count: number, pictures: readonly Picture[], tally: Tally): Promise<HistoryWorld> {
    const persons = Array.from({ length: count }, (_, n) => {
      const tenant = historyTenants[n % historyTenants.length] as TenantId
      // Each has a chance of their own, so that who comes first changes nobody's story when it is replayed.
      const own = new Seeded(chance.below(2 ** 31))
      return new HistoryPerson(tenant, `person-${n}`, own, pictures, bornMs)
    })
    const world = new HistoryWorld(await newVaultFolder(), chance, persons, tally)
    await world.#reopen()
    await Promise.all(persons.map(person => person.begin(world.vault)))
    // The first plan of a tenant is what its clock is trusted from.
    for (const tenant of historyTenants) await world.#purge(tenant)
    return world
  }

  get vault(): Vault {
    return this.#open.vault
  }

  /** Everybody takes one step at the same time; something else may happen meanwhile. */
  async round(): Promise<void> {
    const dice = this.#chance.below(10)
    if (dice < 3) await this.#crashingRound()
    else if (dice < 6) await this.#racingRound()
    else await this.#steps()
    if (this.#chance.below(6) === 0) await this.#rotate()
    await this.#answers()
    this.#moveClock()
    await this.#epochs()
    await this.#purgeAll()
  }

  /** Time passes until everything that can be due is, and then the file is judged as a whole. */
  async end(): Promise<void> {
    await this.#answers()
    this.#clock.step(2 * dayMs)
    await this.#purgeAll()
    for (const person of this.#persons) {
      for (const paper of person.memory.papers) await person.read(this.vault, paper)
    }
    await this.#sweep()
    const findings = await findingsOf(this.vault)
    if (findings.length > 0) throw new Error(`check found: ${JSON.stringify(findings.slice(0, 5))}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]()
    await this.#folder[Symbol.asyncDispose]()
  }

  /** @param spreadMs people do not all begin at once: some time within this */
  async #steps(spreadMs = 0): Promise<void> {
    const nowMs = this.#clock.nowMs()
    this.#tally.steps += this.#persons.length
    const step = async (person: HistoryPerson): Promise<void> => {
      if (spreadMs > 0) await timer(Math.random() * spreadMs)
      await person.step(this.vault, nowMs)
    }
    await Promise.all(this.#persons.map(step))
  }

  /** Purges run while everybody takes a step: whoever wins, what is gone was due before or after that step. */
  async #racingRound(): Promise<void> {
    // Years later many papers are due at once.
    this.#clock.step(this.#chance.below(6) * 366 * dayMs)
    this.#moveClock()
    await Promise.all(historyTenants.map(tenant => this.#confirm(tenant)))
    this.told.push('race')
    this.#tally.races++
    this.#at = ({ port }) => (port === 'ledger' ? timer(Math.random() * 4) : undefined)
    await Promise.all([this.#steps(100), ...historyTenants.map(tenant => this.#purgeUnlessUntrusted(tenant))])
    this.#at = () => undefined
  }

  /** From some call of a port on nothing answers any more; then the vault is opened again from what is on disk. */
  async #crashingRound(): Promise<void> {
    const last = this.#chance.below(40 * this.#persons.length)
    this.#moveClock()
    await Promise.all(historyTenants.map(tenant => this.#confirm(tenant)))
    this.told.push(`crash at call ${last}`)
    this.#tally.crashes++
    let count = 0
    this.#at = ({ port }) => {
      if (++count <= last) return
      this.#clock.isInHurry = true
      throw failureOf(port)
    }
    await Promise.allSettled([
      this.#steps(),
      ...historyTenants.map(tenant => this.#purgeUnlessUntrusted(tenant)),
      this.#epochs(),
    ])
    await this.#reopen()
  }

  async #reopen(): Promise<void> {
    if (this.#open) await this.#open[Symbol.asyncDispose]()
    this.#at = () => undefined
    this.#clock.isInHurry = false
    this.#open = await openWrapped(this.#folder.config, {
      clock: this.#clock,
      wrap: ports => watchPorts(ports, call => this.#at(call)),
    })
  }

  /** Whoever waits asks again until they have an answer; what a crash left of an upload ends in three minutes. */
  async #answers(): Promise<void> {
    for (let tries = 0; tries < 10 && this.#persons.some(({ isWaiting }) => isWaiting); tries++) {
      await Promise.all(this.#persons.map(person => person.retry(this.vault)))
      if (!this.#persons.some(({ isWaiting }) => isWaiting)) break
      this.#clock.step(4 * 60_000)
      await this.#sweep()
    }
    const waiting = this.#persons.find(({ isWaiting }) => isWaiting)
    if (waiting) throw new Error(`no answer for ${waiting.told.at(-1)}`)
  }

  async #sweep(): Promise<void> {
    for (const tenant of historyTenants) await sweepDeposits(this.vault, tenant, noSignal)
  }

  #moveClock(): void {
    const dice = this.#chance.below(20)
    const nowMs = this.#clock.nowMs()
    const nextMs = Math.min(...this.#persons.map(person => person.nextDueMs(nowMs)))
    if (dice < 7 && Number.isFinite(nextMs)) {
      // The last instant at which it is early, or the first at which it is due.
      const eve = this.#chance.below(2)
      this.told.push(`clock to ${new Date(nextMs - eve).toISOString()}`)
      this.#clock.step(nextMs - eve - nowMs)
      return
    }
    const ms =
      dice === 7
        ? -3 * dayMs
        : dice === 8
          ? 10 * 365 * dayMs
          : dice < 12
            ? this.#chance.below(300) * hourMs
            : dice < 16
              ? 30 * dayMs
              : (150 + this.#chance.below(700)) * dayMs
    this.told.push(`clock ${Math.round(ms / hourMs)} h`)
    this.#clock.step(ms)
  }

  async #rotate(): Promise<void> {
    const tenant = historyTenants[this.#chance.below(historyTenants.length)] as TenantId
    try {
      await rotateKey(this.vault, callerAs('admin', 'admin', tenant), { second: callerAs('dpo', 'dpo', tenant) })
      this.told.push('rotate')
      this.#tally.rotations++
    } catch (error) {
      if (!(error instanceof VaultError) || error.code !== 'keys.rotating') throw error
    }
  }

  async #epochs(): Promise<void> {
    for (const tenant of historyTenants) await advanceEpochs(this.vault, tenant, { signal: noSignal, retire: true })
  }

  /** After a quiet purge exactly what had to be destroyed is, and everything else is there. */
  async #purgeAll(): Promise<void> {
    for (const tenant of historyTenants) await this.#purgeOrConfirm(tenant)
    const nowMs = this.#clock.nowMs()
    await Promise.all(this.#persons.map(person => this.#judge(person, nowMs)))
    this.#purgedMs = Number.NEGATIVE_INFINITY
    this.#approved.clear()
    await new GrantSweep().run(this.vault, noSignal)
  }

  async #judge(person: HistoryPerson, nowMs: number): Promise<void> {
    const gone = new Set<DocumentId>()
    for (const { id } of person.memory.papers) {
      const row = await this.#open.ports.ledger.findDocument(person.tenant, id)
      const state = row?.state ?? 'missing'
      if (state === 'purged') gone.add(id)
      if (state === 'purged' && person.isCaught(id))
        throw new Error(`${id} was destroyed after a hold was acknowledged`)
      const approved = this.#approved.has(id)
      if (state === 'purged' && !person.mayBeGone(id, this.#purgedMs, approved))
        throw new Error(`${id} was destroyed early or while held`)
      if (state === 'stored' && person.mustBeGone(id, nowMs)) throw new Error(`${id} was forgotten: it is due`)
      if (state === 'purged' && !person.mayBeGone(id, this.#purgedMs, false)) this.#tally.approved++
      if (state === 'stored' && person.mayBeGone(id, nowMs, true)) this.#tally.waiting++
      if (state !== 'purged' && state !== 'stored') throw new Error(`${id} is ${state} after a purge`)
    }
    this.#tally.destroyed += gone.size
    person.settle(gone)
  }

  async #purgeUnlessUntrusted(tenant: TenantId): Promise<void> {
    try {
      await this.#purge(tenant)
    } catch (error) {
      if (!(error instanceof VaultError)) throw error
    }
  }

  /** A clock that moved too far destroys nothing until two people say that it is right. */
  async #purgeOrConfirm(tenant: TenantId): Promise<void> {
    const state = await this.#open.ports.ledger.findRetentionState(tenant)
    const movedMs = this.#clock.nowMs() - (state?.trustedMs ?? 0)
    const confirmedMs = this.#clock.nowMs() - (state?.confirmedMs ?? Number.NEGATIVE_INFINITY)
    const trusted = (movedMs >= 0 && movedMs <= purgeLimits.clockLeapMs) || (confirmedMs >= 0 && confirmedMs <= dayMs)
    try {
      await this.#purge(tenant)
      if (!trusted) throw new Error(`a clock ${movedMs} ms away was trusted`)
    } catch (error) {
      if (trusted || !(error instanceof VaultError) || error.code !== 'purge.clock') throw error
      this.#tally.untrusted++
      await this.#confirm(tenant)
      await this.#purge(tenant)
    }
  }

  /** Two people say that the clock is right. */
  async #confirm(tenant: TenantId): Promise<void> {
    await confirmClock(this.vault, callerAs('dpo', 'dpo', tenant), { second: callerAs('dpo', 'dpo-2', tenant) })
  }

  async #purge(tenant: TenantId): Promise<void> {
    this.#purgedMs = Math.max(this.#purgedMs, this.#clock.nowMs())
    await purgeTenant(this.#open, tenant, papers => {
      const approves = this.#chance.below(2) === 0
      if (approves) for (const id of papers) this.#approved.add(id)
      return approves
    })
  }
}
