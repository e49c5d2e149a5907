import { type PaperType, paperTypes } from '../domain/media.ts'
import { needsSafeguard, statutoryFloorYears } from '../domain/statute.ts'
import { type EarlierFile, longestWaitDays, type TenantFile, type TenantMembers } from './file-tenant-schema.ts'

/** What is wrong, and where: a path into the file. */
export type Problem = { readonly field: string; readonly message: string }

/** What must hold between the members of a tenant's file, or between those of them that are of the right form. */
export function contradictionsOf(policy: TenantMembers, fileName: string): readonly Problem[] {
  const misnamed = policy.id !== undefined && policy.id !== fileName
  return [
    ...(misnamed ? [problem('id', 'must be the name of the file')] : []),
    ...paperTypes.flatMap(type => papersAgainst(policy, type)),
    ...clockProblems(policy),
    ...paperTypes.flatMap(type => shorterThanLaw(policy, type)),
    ...holdProblems(policy),
    ...seldomPurged(policy),
    ...residencyProblems(policy),
    ...decisionProblems(policy),
  ]
}

/** What must hold within the clocks of one version, today's or an earlier one. */
export function clockProblems({
  retention,
  deletion,
}: Pick<TenantMembers, 'retention' | 'deletion'>): readonly Problem[] {
  const late = deletion !== undefined && deletion.shredAfterDays >= deletion.answerDays
  return [
    ...paperTypes.flatMap(type => ruleProblems(`retention.${type}`, retention?.[type])),
    ...(late ? [problem('deletion.shredAfterDays', 'must be less than deletion.answerDays')] : []),
  ]
}

function ruleProblems(at: string, rule: TenantFile['retention'][PaperType]): readonly Problem[] {
  if (!rule) return []
  const { years, floorYears, onDeletion } = rule
  const problems: Problem[] = []
  if (years < floorYears) problems.push(problem(`${at}.years`, 'is less than floorYears'))
  if (onDeletion === 'floor' && floorYears === 0) {
    problems.push(problem(`${at}.onDeletion`, 'keeps it to a floor, and floorYears is 0'))
  }
  if (onDeletion === 'shred' && floorYears > 0) {
    problems.push(problem(`${at}.onDeletion`, 'destroys what floorYears says the law keeps'))
  }
  return problems
}

/** Each paper is either taken or refused with its promise, and what is taken has a rule. */
function papersAgainst({ papers, refused, retention }: TenantMembers, type: PaperType): readonly Problem[] {
  if (!papers || !refused) return []
  const problems: Problem[] = []
  const taken = papers[type] !== undefined
  if (taken && refused[type] !== undefined) problems.push(problem(`refused.${type}`, 'is both taken and refused'))
  if (!taken && refused[type] === undefined) problems.push(problem(`refused.${type}`, 'is neither taken nor refused'))
  if (taken && retention && !retention[type]) {
    problems.push(problem(`retention.${type}`, 'is missing, and the paper is taken'))
  }
  return problems
}

function shorterThanLaw({ retention }: TenantMembers, type: PaperType): readonly Problem[] {
  const least = statutoryFloorYears[type]
  const rule = retention?.[type]
  if (!rule || rule.floorYears >= least) return []
  return [problem(`retention.${type}.floorYears`, `is shorter than the law's own floor of ${least} years`)]
}

function holdProblems({ holds }: TenantMembers): readonly Problem[] {
  if (!holds || holds.includes('legal_order')) return []
  return [problem('holds', 'must name legal_order: no promise stands above a court')]
}

/** What is due to be shredded must be destroyed before the answer is due, so a run must come in between. */
function seldomPurged({ purge, deletion }: TenantMembers): readonly Problem[] {
  if (!purge || !deletion) return []
  const slackDays = deletion.answerDays - deletion.shredAfterDays
  const waitDays = longestWaitDays(purge.schedule)
  if (slackDays < 1 || waitDays <= slackDays) return []
  const message = `lets a paper wait for ${waitDays} days, and an answer is due ${slackDays} days after deletion.shredAfterDays`
  return [problem('purge.schedule', message)]
}

function residencyProblems({ residency, jurisdiction }: TenantMembers): readonly Problem[] {
  if (!residency) return []
  const regions = Object.entries(residency.regions)
  const unsafe = regions.filter(
    ([region, { safeguard }]) => safeguard === undefined && needsSafeguard(jurisdiction ?? '', region),
  )
  const few = residency.minPlaces > regions.length
  return [
    ...unsafe.map(([region]) => problem(`residency.regions.${region}`, 'is abroad and names no safeguard')),
    ...(few ? [problem('residency.minPlaces', `is more than the ${regions.length} regions named`)] : []),
  ]
}

function decisionProblems({ decisions = [] }: TenantMembers): readonly Problem[] {
  return decisions.flatMap(({ id }, at) =>
    decisions.findIndex(other => other.id === id) < at ? [problem(`decisions.${at}.id`, 'is used twice')] : [],
  )
}

/** One version's clocks and where problems of it are named. */
export type Clocks = Pick<EarlierFile, 'version' | 'retention'>

/**
 * What must hold over the versions of a tenant: each from 1 on is there, and each keeps a rule for every type that one before
 * had, since papers of that type may still lie here.
 *
 * @param earlier by version, ascending; without today's
 */
export function versionProblems(today: Clocks, earlier: readonly Clocks[]): readonly Problem[] {
  const known = new Set(earlier.map(({ version }) => version))
  const missing = Array.from({ length: today.version - 1 }, (_, at) => at + 1).filter(version => !known.has(version))
  const ahead = earlier.filter(({ version }) => version >= today.version)
  return [
    ...(missing.length === 0 ? [] : [problem('version', `lacks the clocks of version ${missing.join(', ')}`)]),
    ...ahead.map(({ version }) => problem('version', `is not later than the clocks of version ${version}`)),
    ...droppedTypes([...earlier.filter(({ version }) => version < today.version), today]),
  ]
}

function droppedTypes(clocks: readonly Clocks[]): readonly Problem[] {
  return clocks.flatMap(({ version, retention }, at) => {
    const before = clocks.slice(0, at)
    const dropped = paperTypes.filter(type => !retention[type] && before.some(one => one.retention[type] !== undefined))
    const which = at === clocks.length - 1 ? '' : ` (version ${version})`
    return dropped.map(type => problem(`retention.${type}${which}`, 'is missing, and an earlier version had it'))
  })
}

/** Names of bases that no rule of any version uses. */
export function idleBases(policy: TenantFile, earlier: readonly Clocks[]): readonly Problem[] {
  const used = basesUsed([policy, ...earlier])
  return Object.keys(policy.bases).flatMap(name =>
    used.has(name) ? [] : [problem(`bases.${name}`, 'is used by no rule')],
  )
}

/** Names of bases that the rules of these versions use. */
export function basesUsed(clocks: readonly Pick<Clocks, 'retention'>[]): ReadonlySet<string> {
  return new Set(clocks.flatMap(({ retention }) => Object.values(retention).map(({ basis }) => basis)))
}

function problem(field: string, message: string): Problem {
  return { field, message }
}
