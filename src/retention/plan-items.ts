import type { PurgingDocument } from '../domain/document.ts'
import { isUnavailable } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { DocumentId, SubjectId } from '../domain/ids.ts'
import { type PurgeItem, purgeLimits } from '../domain/purge-run.ts'
import { dayIn, type Retention, waitsForPerson } from '../domain/retention.ts'
import type { Subject } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import { codeOf } from '../guards/admit.ts'
import { livePapers } from '../guards/live-papers.ts'
import type { Vault } from '../guards/vault.ts'
import { afterLook, forgetting, look } from './look.ts'
import { requireRunning } from './stopping.ts'

const subjectsAtOnce = 256

interface Listing {
  /** So many are kept in mind; the others are counted only. */
  readonly most: number
  /** Whether papers whose destruction failed too often are on the list: only a person's plan takes them up again. */
  readonly quarantined: boolean
  readonly signal: AbortSignal
  readonly onProgress?: (items: number) => void
}

/** The first of what is due, and how many there are in all. */
export interface Listed {
  readonly items: readonly PurgeItem[]
  readonly count: number
}

/** What is due, apart by whether a person has to approve it whatever the tenant's policy says. */
export interface DueItems {
  readonly sure: Listed
  readonly late: Listed
}

/**
 * What a purge has to destroy as of an instant: first what is being destroyed already, by document; then subject by subject in
 * the order in which they came due; apart from these what is due only by what was told late. A subject of which nothing is due is told when to be looked at again, or forgotten.
 */
export async function itemsDue(
  vault: Vault,
  grant: Grant<'purge.plan'>,
  tenant: Tenant,
  asOfMs: number,
  { most, quarantined, signal, onProgress }: Listing,
): Promise<DueItems> {
  const [sure, late] = [new Gathered(most), new Gathered(most)]
  let unknown = 0
  const list = (some: readonly PurgeItem[]): void => {
    for (const item of some) (item.waits === undefined ? sure : late).add(item)
  }
  for await (const some of purgingItems(vault, tenant, quarantined)) list(some)
  let after: { readonly lookAtMs: number; readonly id: SubjectId } | undefined
  while (true) {
    requireRunning(signal)
    const page = { limit: subjectsAtOnce, ...(after === undefined ? {} : { after }) }
    const subjects = await vault.ledger.dueSubjects(tenant.id, asOfMs, page)
    const found = await Promise.all(subjects.map(subject => itemsIfAny(vault, grant, tenant, subject, asOfMs)))
    for (const one of found) {
      list(one.items)
      unknown += one.unknown
    }
    onProgress?.(sure.count + late.count)
    const last = subjects.at(-1)
    if (!last || subjects.length < subjectsAtOnce) break
    after = { lookAtMs: last.lookAtMs ?? asOfMs, id: last.id }
  }
  if (unknown > 0) {
    vault.log.error('papers of unknown policies are kept', {
      code: 'policy.unknown',
      tenant: tenant.id,
      count: unknown,
    })
  }
  return { sure, late }
}

class Gathered implements Listed {
  readonly items: PurgeItem[] = []
  count = 0
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  add(item: PurgeItem): void {
    this.count++
    if (this.items.length < this.#most) this.items.push(item)
  }
}

async function* purgingItems(vault: Vault, tenant: Tenant, quarantined: boolean): AsyncGenerator<readonly PurgeItem[]> {
  let after: DocumentId | undefined
  while (true) {
    const page = { limit: purgeLimits.itemsPerPage, ...(after === undefined ? {} : { after }) }
    const documents = await vault.ledger.purgingDocuments(tenant.id, page)
    const purging = documents.filter(document => document.state === 'purging')
    const wanted = purging.filter(({ attempts }) => quarantined || attempts < purgeLimits.mostAttempts)
    yield wanted.map(document => purgingItem(tenant, document))
    after = documents.at(-1)?.id
    if (documents.length < purgeLimits.itemsPerPage) return
  }
}

function purgingItem(tenant: Tenant, document: PurgingDocument): PurgeItem {
  const { kind, basis, dueOn, policyVersion } = document.purge
  const [ground = ''] = basis.split(':')
  return {
    document: document.id,
    subject: document.subject,
    subjectVersion: 0,
    documentVersion: document.version,
    ground: kind === 'erasure' ? 'erasure' : (ground as PurgeItem['ground']),
    basis: kind === 'erasure' ? basis : basis.slice(ground.length + 1),
    dueOn: dueOn ?? dayIn(document.purgingSinceMs, tenant.zone),
    policyVersion: policyVersion ?? document.policyVersion,
  }
}

/** One person whose papers nobody can judge keeps no other's: they stay due, and their number is an alert. */
async function itemsIfAny(...of: Parameters<typeof itemsOfSubject>): ReturnType<typeof itemsOfSubject> {
  try {
    return await itemsOfSubject(...of)
  } catch (error) {
    if (isUnavailable(codeOf(error))) throw error
    const [{ log }, , tenant] = of
    log.error('papers of a person not judged', { job: 'purge', tenant: tenant.id, code: codeOf(error) })
    return { items: [], unknown: 0 }
  }
}

async function itemsOfSubject(
  vault: Vault,
  grant: Grant<'purge.plan'>,
  tenant: Tenant,
  subject: Subject,
  asOfMs: number,
): Promise<{ readonly items: readonly PurgeItem[]; readonly unknown: number }> {
  const found = look(tenant, subject, await livePapers(vault, tenant.id, subject.id), asOfMs)
  if (found.due.length === 0) {
    const after = afterLook(subject, found, vault.clock.nowMs())
    const changes =
      after === 'forget'
        ? forgetting(subject, await vault.ledger.answersOf(tenant.id, { subjects: [subject.id] }))
        : after
    // One that moved meanwhile is looked at again by the next plan.
    if (changes.length > 0) await vault.ledger.commit(grant, changes)
  }
  return {
    items: found.due.map(({ document, retention }) => lapseItem(subject, document, retention, asOfMs)),
    unknown: found.unknown,
  }
}

/** The line of a paper whose time ran out. */
function lapseItem(
  subject: Subject,
  document: { readonly id: DocumentId; readonly version: number },
  retention: Retention,
  asOfMs: number,
): PurgeItem {
  const { ground, basis, dueOn = '', policyVersion } = retention
  return {
    document: document.id,
    subject: subject.id,
    subjectVersion: subject.version,
    documentVersion: document.version,
    ground,
    basis,
    dueOn,
    policyVersion,
    ...(waitsForPerson(retention, asOfMs) ? { waits: 'late-fact' } : {}),
  }
}
