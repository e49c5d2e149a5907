import type { Document } from './document.ts'
import type { DocumentId } from './ids.ts'
import type { PaperType } from './media.ts'
import { dayIn, deletionAnswerDueMs, type RetentionGround, retentionOf } from './retention.ts'
import type { Subject } from './subject.ts'
import type { Tenant } from './tenant.ts'

/** What a request to be deleted has come to for one paper. */
export interface PaperOutcome {
  readonly document: DocumentId
  readonly type: PaperType
  /** `shredded` destroyed, or to be so before the answer is due · `kept` under the basis. */
  readonly outcome: 'shredded' | 'kept'
  /** Of what was destroyed the day of its destruction; otherwise the day its time ends, absent while the account is open. */
  readonly until?: string
  readonly ground: RetentionGround | 'erasure'
  /** Name of the legal basis in the tenant's policy, or the code of the reason of an erasure. */
  readonly basis: string
  /** A hold keeps it, and it would be destroyed by the answer's time without. */
  readonly held: boolean
}

/** Most days, and bases with their days, that one answer's entry names. */
const mostNamed = 24

/**
 * What becomes of one paper of a person who asked to be deleted. Undefined while it is being stored, and when the version of the
 * policy that it came under is not known: then nobody can say, and somebody must look.
 */
export function paperOutcome(tenant: Tenant, subject: Subject, document: Document): PaperOutcome | undefined {
  const { id, type } = document
  switch (document.state) {
    case 'depositing':
    case 'abandoned':
      return undefined
    case 'purged':
      return {
        document: id,
        type,
        outcome: 'shredded',
        held: false,
        ...goneOn(tenant, document.basis, document.purgedAtMs),
      }
    case 'purging': {
      const gone = goneOn(tenant, document.purge.basis, document.purgingSinceMs)
      return { document: id, type, outcome: 'shredded', held: false, ...gone }
    }
    case 'stored': {
      const retention = retentionOf(tenant, subject, document)
      if (!retention) return undefined
      const { ground, basis, heldBy } = retention
      // What a person has to approve first may be kept until it waits no more.
      const { sureOn: dueOn = retention.dueOn, sureAtMs: dueAtMs = retention.dueAtMs } = retention
      const answerDueMs = deletionAnswerDueMs(tenant, subject)
      const goes = dueAtMs !== undefined && answerDueMs !== undefined && dueAtMs <= answerDueMs
      const held = goes && heldBy.length > 0
      const until = dueOn === undefined ? {} : { until: dueOn }
      return { document: id, type, outcome: goes && !held ? 'shredded' : 'kept', ...until, ground, basis, held }
    }
  }
}

/** `<ground>:<basis>` of a lapse, the code of its reason of an erasure. */
function goneOn({ zone }: Tenant, basis: string, atMs: number): Pick<PaperOutcome, 'until' | 'ground' | 'basis'> {
  const until = dayIn(atMs, zone)
  const [ground = '', name] = basis.split(':')
  return name === undefined
    ? { until, ground: 'erasure', basis }
    : { until, ground: ground as RetentionGround, basis: name }
}

/** The whole answer in numbers, codes and days, as its entry of the trail has it. */
export interface DeletionAnswer {
  readonly papers: number
  readonly shredded: number
  readonly kept: number
  /** Of the kept ones those that only a hold keeps. */
  readonly held: number
  /** The last day on which one of the shredded goes or went. */
  readonly shreddedBy?: string
  /** `<basis>:<day>` for each basis and end that papers are kept under; ascending. */
  readonly bases: readonly string[]
}

/** Puts the outcomes of every paper together. */
export function answerOf(outcomes: readonly PaperOutcome[]): DeletionAnswer {
  const shredded = outcomes.filter(({ outcome }) => outcome === 'shredded')
  const kept = outcomes.filter(({ outcome }) => outcome === 'kept')
  const shreddedBy = shredded
    .flatMap(({ until }) => until ?? [])
    .sort()
    .at(-1)
  return {
    papers: outcomes.length,
    shredded: shredded.length,
    kept: kept.length,
    held: kept.filter(({ held }) => held).length,
    ...(shreddedBy === undefined ? {} : { shreddedBy }),
    bases: [...new Set(kept.map(({ basis, until }) => `${basis}:${until ?? 'open'}`))].sort().slice(0, mostNamed),
  }
}
