import type { Caller } from '../../src/domain/caller.ts'
import type { ErrorCode } from '../../src/domain/errors.ts'
import type { HoldKind } from '../../src/domain/hold.ts'
import type { CaseReference, DocumentId, HoldId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import type { PaperType } from '../../src/domain/media.ts'
import type { Role } from '../../src/domain/role.ts'
import type { SubjectEvent } from '../../src/domain/subject.ts'
import type { Answered } from '../../src/guards/idempotency.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { deposit } from '../../src/intake/deposit.ts'
import { eraseDocument } from '../../src/retention/erase-document.ts'
import { placeHold } from '../../src/retention/place-hold.ts'
import { releaseHold } from '../../src/retention/release-hold.ts'
import {
  type Case,
  changed,
  clausesFor,
  isClosed,
  isHeld,
  type Memory,
  type Paper,
  withFact,
} from './history-memory.ts'
import type { Seeded } from './seeded.ts'

const noSignal = new AbortController().signal
const kinds: Readonly<Record<PaperType, readonly string[]>> = {
  id: ['passport'],
  address: ['utility-bill'],
  selfie: ['portrait'],
  payment_ownership: ['bank-statement'],
}

/** A specimen and the bytes that the vault keeps of it. */
export interface Picture {
  readonly sent: Uint8Array
  readonly kept: Buffer
}

/** Something that a client asks for, and asks for again with the same key until it has an answer. */
export interface Request {
  readonly name: string
  readonly send: (vault: Vault) => Promise<unknown>
  /** What is true once it is done. */
  readonly done: (before: Memory, answer: unknown) => Memory
  /** What may be said against it, and then nothing happened. */
  readonly refusals: readonly ErrorCode[]
}

/** What a request needs of the person who makes it. */
export interface Client {
  readonly tenant: TenantId
  readonly reference: SubjectReference
  readonly chance: Seeded
  memory(): Memory
  /** How many keys were used so far. */
  count(): number
  /** A new idempotency key. */
  key(): string
  as(role: Role): Caller
  picture(n: number): Picture
  event(vault: Vault, event: SubjectEvent, key?: string): Promise<Answered>
  /** A hold on this very paper was acknowledged. */
  caught(id: DocumentId): void
}

export function uploading(client: Client): Request {
  const types = Object.keys(clausesFor(client.tenant).retention) as PaperType[]
  const type = types[client.chance.below(types.length)] as PaperType
  const key = client.key()
  const picture = client.count()
  const collect = async () => Uint8Array.from(client.picture(picture).sent)
  const scope = `POST /v1/subjects/${client.reference}/documents`
  const kind = client.tenant === 'omo7777' && type === 'id' ? 'e-ktp' : (kinds[type][0] ?? '')
  const input = { reference: client.reference, type, kind, idempotency: { scope, key }, collect, signal: noSignal }
  return {
    name: `upload ${type}`,
    send: vault => deposit(vault, client.as('onboarding'), input),
    done: (before, answer) => {
      const { id } = JSON.parse((answer as Answered).body)
      return { ...before, papers: [...before.papers, { id, type, picture, erased: false }] }
    },
    refusals: isClosed(client.memory().facts) ? ['subject.closed'] : [],
  }
}

export function telling(
  client: Client,
  event: { readonly type: 'closed' | 'reopened' | 'deletion.requested'; readonly atMs: number },
): Request {
  const key = client.key()
  const sentMs: number[] = []
  return {
    name: `${event.type} ${new Date(event.atMs).toISOString()}`,
    send: async vault => {
      sentMs.push(vault.clock.nowMs())
      return client.event(vault, event, key)
    },
    done: before => ({ ...before, facts: withFact(before.facts, event.type, event.atMs, sentMs) }),
    refusals: [],
  }
}

export function beginning(client: Client, atMs: number): Request {
  const begins = `D-${client.count()}` as CaseReference
  const idempotent = client.key()
  return {
    name: `dispute.opened ${begins}`,
    send: vault => client.event(vault, { type: 'dispute.opened', atMs, case: begins }, idempotent),
    done: before => ({ ...before, cases: [...before.cases, { key: begins, began: atMs }] }),
    refusals: ['hold.too-late', 'hold.too-many'],
  }
}

export function ending(client: Client, some: Case, at: number): Request {
  const atMs = Math.max(at, (some.began ?? 0) + 1)
  const key = client.key()
  return {
    name: `dispute.resolved ${some.key}`,
    send: vault => client.event(vault, { type: 'dispute.resolved', atMs, case: some.key as CaseReference }, key),
    done: before => changed(before, some.key, { ended: atMs }),
    // After a clock was set back the beginning lies in the future, and so does an end after it.
    refusals: ['event.contradictory'],
  }
}

export function placing(client: Client, nowMs: number, paper: Paper | undefined): Request {
  const { holds } = clausesFor(client.tenant)
  const kind = holds[client.chance.below(holds.length)] as HoldKind
  const key = client.key()
  const named = `L-${client.count()}` as CaseReference
  const document = paper ? { document: paper.id } : {}
  return {
    name: `hold ${kind} ${named} ${paper ? paper.id : 'all'}`,
    send: vault =>
      placeHold(vault, client.as('legal'), {
        reference: client.reference,
        kind,
        case: named,
        ...document,
        idempotency: { scope: 'POST /v1/holds', key },
      }),
    done: (before, answer) => {
      const { id } = JSON.parse((answer as Answered).body)
      if (paper) client.caught(paper.id)
      return { ...before, cases: [...before.cases, { key: named, id, began: nowMs, ...document }] }
    },
    refusals: ['hold.too-late', 'document.purged', 'subject.unknown', 'document.unknown', 'hold.too-many'],
  }
}

export function releasing(client: Client, some: Case, nowMs: number): Request {
  const key = client.key()
  return {
    name: `release ${some.key}`,
    send: vault =>
      releaseHold(vault, client.as('dpo'), {
        id: some.id as HoldId,
        reason: { purpose: undefined, case: undefined },
        second: client.as('legal'),
        idempotency: { scope: `POST /v1/holds/${some.id}/release`, key },
      }),
    done: before => changed(before, some.key, { ended: Math.max(nowMs, (some.began ?? 0) + 1) }),
    refusals: ['hold.unknown'],
  }
}

export function erasing(client: Client, paper: Paper): Request {
  const key = client.key()
  const held = isHeld(client.memory().cases, paper.id)
  return {
    name: `erase ${paper.id}`,
    send: vault =>
      eraseDocument(vault, client.as('dpo'), {
        id: paper.id,
        why: 'uploaded-in-error',
        reason: { purpose: 'subject_request', case: 'E-1' as CaseReference },
        second: client.as('legal'),
        idempotency: { scope: `POST /v1/documents/${paper.id}/erasure`, key },
      }),
    done: before => ({
      ...before,
      papers: before.papers.map(one => (one.id === paper.id ? { ...one, erased: true } : one)),
    }),
    refusals: ['document.purged', ...(held ? (['document.held'] as const) : [])],
  }
}
