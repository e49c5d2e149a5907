import type { DocumentId, HoldId, TenantId } from '../../src/domain/ids.ts'
import type { PaperType } from '../../src/domain/media.ts'
import { type Clauses, clausesOf, dueAt, type Facts, nameOf, sureAt } from './reckoning.ts'

export const historyTenants = ['nomor-keluar', 'omo7777', 'jnetot'] as TenantId[]
const clauses = new Map<TenantId, Clauses>(historyTenants.map(tenant => [tenant, clausesOf(tenant)]))

/** What the tenant's published file says of its clocks. */
export function clausesFor(tenant: TenantId): Clauses {
  return clauses.get(tenant) as Clauses
}

/** One case that keeps papers, as the person's history remembers it. */
export interface Case {
  readonly key: string
  readonly id?: HoldId
  readonly document?: DocumentId
  readonly began?: number
  readonly ended?: number
}

export interface Paper {
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

/** Whether the account is closed. */
export function isClosed({ closed, reopened }: Facts): boolean {
  return closed !== undefined && (reopened === undefined || closed > reopened)
}

/** With one more event of the account. @param sentMs every time at which it was sent, until it had its answer */
export function withFact(
  { told: before = new Map(), ...facts }: Facts,
  type: 'closed' | 'reopened' | 'deletion.requested',
  atMs: number,
  sentMs: readonly number[],
): Facts {
  const known = before.get(nameOf(type, atMs))
  const firstMs = Math.min(known?.firstMs ?? Infinity, ...sentMs)
  const lastMs = Math.min(known?.lastMs ?? Infinity, Math.max(...sentMs))
  const told = new Map([...before, [nameOf(type, atMs), { firstMs, lastMs }]])
  switch (type) {
    case 'closed':
      return { ...facts, told, closed: Math.max(facts.closed ?? 0, atMs) }
    case 'reopened':
      return { ...facts, told, reopened: Math.max(facts.reopened ?? 0, atMs) }
    case 'deletion.requested':
      return { ...facts, told, asked: [...(facts.asked ?? []), atMs] }
  }
}

/** Whether a case keeps what it is about. */
export function isInForce({ began, ended }: Case): boolean {
  return began !== undefined && (ended === undefined || ended <= began)
}

/** With what is known newly of one case. */
export function changed(before: Memory, key: string, told: Partial<Case>): Memory {
  return { ...before, cases: before.cases.map(one => (one.key === key ? { ...one, ...told } : one)) }
}

/**
 * Whether this paper has to go by now, as far as the memory knows.
 *
 * @param by what is asked of it: that it goes by itself whenever its facts were told; that it can go by itself; or only that
 *   it is due, which is enough where a person approved it
 */
export function isDue(
  tenant: TenantId,
  { facts, cases, papers }: Memory,
  id: DocumentId,
  nowMs: number,
  by: 'itself' | 'itself at the earliest' | 'approval',
): boolean {
  const paper = papers.find(one => one.id === id)
  if (!paper) return false
  if (paper.erased) return true
  const clause = clausesFor(tenant)
  const due =
    by === 'approval'
      ? dueAt(clause, paper.type, facts)
      : sureAt(clause, paper.type, facts, by === 'itself' ? 'lastMs' : 'firstMs')
  return !isHeld(cases, id) && due !== undefined && due <= nowMs
}

/** Whether a case keeps this paper. */
export function isHeld(cases: readonly Case[], id: DocumentId): boolean {
  return cases.some(one => isInForce(one) && (one.document === undefined || one.document === id))
}
