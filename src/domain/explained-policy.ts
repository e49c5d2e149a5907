import type { HoldKind } from './hold.ts'
import type { DocumentId, PersonId, SubjectId, SubjectReference } from './ids.ts'
import type { PaperType } from './media.ts'
import type { LegalBasis, RetentionPolicy, RetentionRule } from './policy.ts'
import { dayIn, deletionAnswerDueMs, type Retention, retentionOf } from './retention.ts'
import { newSubject, type Subject } from './subject.ts'
import type { Tenant } from './tenant.ts'

/** A paper to explain, and what is supposed to have happened to the person. */
export interface Supposed {
  readonly type: PaperType
  /** The version of the policy that it came under. */
  readonly version: number
  readonly closedAtMs?: number
  readonly askedAtMs?: number
}

/** One thing to say of a paper, under a word. */
export interface Said {
  readonly about: string
  readonly words: string
}

/**
 * What will happen to a paper of a tenant, in plain words: what is promised of it by today's policy, and, where closure or a
 * request are supposed, on which days. Undefined when the tenant has no rule for such a paper of that version.
 */
export function explainPolicy(tenant: Tenant, supposed: Supposed): readonly Said[] | undefined {
  const { type } = supposed
  const today = tenant.policies.get(tenant.version)
  const rule = today?.rules.get(type)
  const retention = retentionOf(tenant, supposedSubject(tenant, supposed), aPaper(supposed))
  if (!today || !rule || !retention) return undefined
  return [
    { about: 'Taken', words: takenWords(tenant, type) },
    { about: 'Kept', words: keptWords(rule) },
    ...basisWords(tenant, rule.basis),
    ...promiseWords(tenant, 'retention'),
    { about: 'On request', words: requestWords(rule, today) },
    ...promiseWords(tenant, 'deletion'),
    { about: 'Held', words: heldWords(tenant.holds) },
    { about: 'Destroyed', words: destroyedWords(tenant) },
    ...supposedWords(tenant, supposed, retention),
    ...tenant.decisions.map(({ decision, reason }) => ({ about: 'Decided', words: `${decision} Reason: ${reason}` })),
  ]
}

function takenWords({ papers, refused }: Tenant, type: PaperType): string {
  const paper = papers.get(type)
  if (!paper) return `No more. ${refused.get(type) ?? ''} What was taken before is explained here.`
  const from = paper.minTier === 0 ? 'from everybody' : `from tier ${paper.minTier} on`
  return `As ${paper.kinds.join(', ')}, ${from}.`
}

const years = (count: number): string => (count === 1 ? '1 calendar year' : `${count} calendar years`)

function keptWords({ years: promised, floorYears }: RetentionRule): string {
  const law =
    floorYears === 0
      ? 'No law asks for it to be kept.'
      : `The law asks for ${years(floorYears)} after closure at least.`
  return `While the account is open, and ${years(promised)} after it was closed, the last day included. ${law}`
}

function basisWords({ bases }: Tenant, name: string): readonly Said[] {
  const basis: LegalBasis | undefined = bases.get(name)
  if (!basis) return [{ about: 'Basis', words: `${name}, which the policy does not explain: no paper is taken.` }]
  const { law, jurisdiction, words, source } = basis
  return [
    { about: 'Basis', words: `${name}: ${law} (${jurisdiction}). To the person: "${words}"` },
    { about: 'Source', words: source },
  ]
}

function promiseWords({ sources }: Tenant, part: string): readonly Said[] {
  const words = sources.get(part)
  return words === undefined ? [] : [{ about: 'Source', words }]
}

function requestWords(
  { onDeletion, floorYears }: RetentionRule,
  { deletion: { answerDays, shredAfterDays } }: RetentionPolicy,
): string {
  const answer = `A person who asks to be deleted is answered within ${answerDays} days of the request, or of closure where that is later.`
  const outcome =
    onDeletion === 'shred'
      ? `The paper is destroyed ${shredAfterDays} days after the same moment.`
      : `The paper is kept to ${years(floorYears)} after closure; when these are over already, it is destroyed ${shredAfterDays} days after the request.`
  return `${answer} ${outcome}`
}

const holdWords: Readonly<Record<HoldKind, string>> = {
  dispute: 'an open dispute',
  withdrawal: 'a pending withdrawal',
  legal_order: 'a legal order',
}

function heldWords(kinds: readonly HoldKind[]): string {
  const listed = kinds.map(kind => holdWords[kind]).join(', ')
  return `Whatever the date, for as long as one of these lasts: ${listed}. It ends by an event of the platform where that began it, otherwise by two people, never by time.`
}

function destroyedWords({ purge, zone }: Tenant): string {
  const { schedule, approval, maxPerRun, keyBackupDays } = purge
  const look = approval ? ' once a second person has approved its list' : ''
  return `By the first run after its day (cron "${schedule}" in ${zone})${look}, at most ${maxPerRun} papers a run: first its key, then its bytes, every version. A certificate stays. Backups of the key are gone ${keyBackupDays} days later.`
}

const grounds: Readonly<Record<Retention['ground'], string>> = {
  relationship: 'it is kept while the account is open',
  term: 'the promised years are over then',
  floor: 'the years that the law asks for are over then',
  shred: 'the person asked, and nothing keeps it',
}

function supposedWords(tenant: Tenant, supposed: Supposed, retention: Retention): readonly Said[] {
  const { closedAtMs, askedAtMs, version } = supposed
  if (closedAtMs === undefined && askedAtMs === undefined) return []
  const { ground, dueOn, zone, basis, policyVersion } = retention
  const events = [
    ...(closedAtMs === undefined ? [] : [`closed on ${dayIn(closedAtMs, tenant.zone)}`]),
    ...(askedAtMs === undefined ? [] : [`deletion asked for on ${dayIn(askedAtMs, tenant.zone)}`]),
  ]
  const came = version === tenant.version ? '' : ` Of a paper that came under version ${version}.`
  const day = dueOn === undefined ? `not due: ${grounds[ground]}` : `may be destroyed from ${dueOn} on`
  const why =
    dueOn === undefined ? '' : `, by the days of ${zone}: ${grounds[ground]} (${basis}, version ${policyVersion})`
  const answerDueMs = deletionAnswerDueMs(tenant, supposedSubject(tenant, supposed))
  const answer = answerDueMs === undefined ? '' : ` The person is answered before ${dayIn(answerDueMs, tenant.zone)}.`
  return [{ about: 'Supposed', words: `${events.join(', ')}: ${day}${why}.${answer}${came}` }]
}

function supposedSubject(tenant: Tenant, { closedAtMs, askedAtMs }: Supposed): Subject {
  const person = newSubject({
    id: '' as SubjectId,
    tenant: tenant.id,
    reference: '' as SubjectReference,
    openedBy: '' as PersonId,
    openedAtMs: 0,
  })
  return {
    ...person,
    ...(closedAtMs === undefined ? {} : { closedAtMs }),
    ...(askedAtMs === undefined ? {} : { deletionAskedAtMs: askedAtMs }),
  }
}

const aPaper = ({ type, version }: Supposed) => ({ id: '' as DocumentId, type, policyVersion: version })
