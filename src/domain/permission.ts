import type { Caller, Reason } from './caller.ts'
import type { ErrorCode } from './errors.ts'
import { areTwoPersons } from './person.ts'
import { type Role, roles } from './role.ts'
import type { Tenant } from './tenant.ts'

/**
 * What a cell demands beyond holding the role.
 * `yes` nothing · `own` deposited by or assigned to the caller · `assigned` an unexpired assignment of the caller ·
 * `ticket` the tenant permits it and a case names the ticket · `second` a second, different person who may ask the same ·
 * `due` only what is due · `event` only as the effect of a lifecycle event · `case` only entries of the named case ·
 * `self` only the caller's own entries.
 */
export type Cell = 'yes' | 'own' | 'assigned' | 'ticket' | 'second' | 'due' | 'event' | 'case' | 'self'

type Row = Partial<Readonly<Record<Role, Cell>>>

const everyone = {
  onboarding: 'yes',
  reviewer: 'yes',
  'senior-reviewer': 'yes',
  support: 'yes',
  dpo: 'yes',
  legal: 'yes',
  auditor: 'yes',
  purge: 'yes',
  admin: 'yes',
} as const satisfies Row

/** Which role may do what, and on which claim; a role that is not named in a row is denied. */
/**
 * The role matrix as data, deny by default. Source: the table of roles and actions each platform's promises were
 * checked against (infra/tenants/README.md); `test/repo/role-matrix.txt` is its committed, readable expansion.
 */
// biome-ignore format: the table reads as a table, one action a line.
export const matrix = {
  'document.deposit': { onboarding: 'yes' },
  'subject.event': { onboarding: 'yes' },
  'subject.describe': { onboarding: 'own', reviewer: 'yes', 'senior-reviewer': 'yes', support: 'own', dpo: 'yes', legal: 'own', auditor: 'yes' },
  'subject.file': { dpo: 'yes', auditor: 'yes' },
  'document.list': { onboarding: 'own', reviewer: 'yes', 'senior-reviewer': 'yes', support: 'own', dpo: 'yes', legal: 'own', auditor: 'yes', purge: 'due' },
  'document.describe': { onboarding: 'own', reviewer: 'yes', 'senior-reviewer': 'yes', support: 'own', dpo: 'yes', legal: 'own', auditor: 'yes', purge: 'due' },
  'document.open.original': { reviewer: 'assigned', 'senior-reviewer': 'yes', dpo: 'second', legal: 'second' },
  'document.open.preview': { reviewer: 'assigned', 'senior-reviewer': 'yes', dpo: 'second', legal: 'second' },
  'document.open.masked': { reviewer: 'yes', 'senior-reviewer': 'yes', support: 'ticket', dpo: 'second', legal: 'second' },
  'document.export': { dpo: 'second', legal: 'second' },
  'review.list': { reviewer: 'yes', 'senior-reviewer': 'yes' },
  'review.assign': { reviewer: 'yes', 'senior-reviewer': 'yes' },
  'review.decide': { reviewer: 'assigned', 'senior-reviewer': 'yes' },
  'review.override': { 'senior-reviewer': 'second' },
  'hold.list': { 'senior-reviewer': 'yes', dpo: 'yes', legal: 'yes', auditor: 'yes' },
  'hold.place': { onboarding: 'event', 'senior-reviewer': 'yes', dpo: 'yes', legal: 'yes' },
  'hold.release': { onboarding: 'event', 'senior-reviewer': 'second', dpo: 'second', legal: 'second' },
  'request.open': { onboarding: 'yes', support: 'yes', dpo: 'yes' },
  'request.decide': { dpo: 'yes' },
  'document.erase': { dpo: 'second', legal: 'second' },
  'purge.plan': { dpo: 'yes', auditor: 'yes', purge: 'yes' },
  'purge.approve': { dpo: 'yes' },
  'purge.execute': { purge: 'yes' },
  'purge.read': { dpo: 'yes', auditor: 'yes', purge: 'yes' },
  'purge.confirm-clock': { dpo: 'second' },
  'retention.reckon': { system: 'yes' },
  'deletion.answer': { system: 'yes' },
  'approval.ask': { 'senior-reviewer': 'yes', dpo: 'yes', legal: 'yes', admin: 'yes' },
  'approval.vote': { 'senior-reviewer': 'yes', dpo: 'yes', legal: 'yes', admin: 'yes' },
  'approval.read': { 'senior-reviewer': 'yes', dpo: 'yes', legal: 'yes', auditor: 'yes', admin: 'yes' },
  'backup.take': { system: 'yes' },
  'restore.check': { system: 'yes' },
  'disclosure.prepare': { 'senior-reviewer': 'yes', dpo: 'second', legal: 'second' },
  'disclosure.decide': { dpo: 'second', legal: 'second' },
  'trail.read': { reviewer: 'self', dpo: 'yes', legal: 'case', auditor: 'yes' },
  'trail.verify': { dpo: 'yes', auditor: 'yes', admin: 'yes' },
  'trail.export': { dpo: 'yes', auditor: 'yes' },
  'incident.open': { reviewer: 'yes', 'senior-reviewer': 'yes', support: 'yes', dpo: 'yes', legal: 'yes', auditor: 'yes', admin: 'yes' },
  'incident.scope': { dpo: 'yes', legal: 'yes', auditor: 'yes' },
  'policy.change': { dpo: 'second', legal: 'second', admin: 'second' },
  'policy.read': { dpo: 'yes', legal: 'yes', auditor: 'yes', admin: 'yes' },
  'key.rotate': { dpo: 'second', legal: 'second', admin: 'second', system: 'due' },
  'key.read': { dpo: 'yes', legal: 'yes', auditor: 'yes', admin: 'yes' },
  'caller.manage': { dpo: 'second', legal: 'second', admin: 'second' },
  'caller.read': { dpo: 'yes', legal: 'yes', auditor: 'yes', admin: 'yes' },
  'limits.read': everyone,
  'caller.bootstrap': { system: 'yes' },
  'deposit.sweep': { system: 'yes' },
  'grant.sweep': { system: 'yes' },
  'caller.sweep': { system: 'yes' },
  'instance.start': { system: 'yes' },
  'instance.stop': { system: 'yes' },
} as const satisfies Record<string, Row>

export type Action = keyof typeof matrix
/** Every action, in the order of the table. */
export const actions = Object.keys(matrix) as readonly Action[]

/** What the rule needs to know of the thing asked for; absent claims count as false. */
export interface Resource {
  /** False for an id that this tenant does not have, another tenant's included. */
  readonly known: boolean
  /** The code to refuse an unknown one with. */
  readonly unknownCode?:
    | 'document.unknown'
    | 'subject.unknown'
    | 'review.unknown'
    | 'caller.unknown'
    | 'hold.unknown'
    | 'purge.unknown'
    | 'approval.unknown'
  readonly own?: boolean
  readonly assigned?: boolean
  readonly due?: boolean
  /** The same request of the same caller was granted with its second person before: only its first answer is told again. */
  readonly repeated?: boolean
}

/** How much of a list is shown: all of it, or only what the cell of the role allows. */
export type Scope = 'all' | 'own' | 'case' | 'self' | 'due'

/** A right with the role and cell that gave it, or a refusal by its code. */
export type Decision =
  | { readonly granted: true; readonly role: Role; readonly cell: Cell; readonly scope: Scope }
  | { readonly granted: false; readonly code: ErrorCode; readonly allowed?: readonly string[] }

/** Actions that show a paper, or end it before its time: they need a purpose of the tenant's list and a case. */
export function needsReason(action: Action): boolean {
  return action.startsWith('document.open.') || action === 'document.export' || action === 'document.erase'
}

/**
 * Whether `caller` may do `action` to `resource`. Pure and total; refusals are values. The order is fixed: role first
 * (it needs nothing of the resource, so it tells nothing of it), then purpose and case, then existence, then the claims of
 * the cell. The most permissive of the caller's roles decides: a scope of `all` beats a narrower one, and between equals
 * the order of `roles` counts, never the order in a credential.
 *
 * @param second another authenticated caller who stands beside the first, for `second` cells; the same person never counts.
 */
export function decide(
  caller: Caller,
  action: Action,
  resource: Resource,
  tenant: Tenant | undefined,
  reason: Reason,
  second?: Caller,
): Decision {
  const row: Row = matrix[action]
  const held = roles.filter(
    role => caller.roles.includes(role) && row[role] !== undefined && roleInForce(role, caller, tenant),
  )
  if (held.length === 0) return { granted: false, code: 'role.not-allowed' }
  if (needsReason(action)) {
    const lacking = lackingReason(tenant, reason)
    if (lacking) return lacking
  }
  if (!resource.known) return { granted: false, code: resource.unknownCode ?? 'document.unknown' }
  const answers = held.map(role => judgeCell(row[role] as Cell, role, caller, action, resource, tenant, reason, second))
  const granted = answers.filter(answer => answer.granted)
  return (
    granted.find(answer => answer.scope === 'all') ??
    granted[0] ??
    answers[0] ?? { granted: false, code: 'role.not-allowed' }
  )
}

function roleInForce(role: Role, caller: Caller, tenant: Tenant | undefined): boolean {
  if (role === 'system') return caller.auth === 'system'
  return tenant !== undefined && tenant.id === caller.tenant && tenant.roles.includes(role)
}

function lackingReason(tenant: Tenant | undefined, reason: Reason): Decision | undefined {
  if (reason.purpose === undefined) return { granted: false, code: 'purpose.missing', allowed: tenant?.purposes ?? [] }
  if (!tenant?.purposes.includes(reason.purpose)) {
    return { granted: false, code: 'purpose.not-allowed', allowed: tenant?.purposes ?? [] }
  }
  return reason.case === undefined ? { granted: false, code: 'case.missing' } : undefined
}

function judgeCell(
  cell: Cell,
  role: Role,
  caller: Caller,
  action: Action,
  resource: Resource,
  tenant: Tenant | undefined,
  reason: Reason,
  second: Caller | undefined,
): Decision {
  const granted = (scope: Scope): Decision => ({ granted: true, role, cell, scope })
  const refused = (code: ErrorCode): Decision => ({ granted: false, code })
  switch (cell) {
    case 'yes':
      return granted('all')
    case 'own':
      return resource.own || resource.assigned ? granted('own') : refused('role.not-own')
    case 'assigned':
      return resource.assigned ? granted('all') : refused('role.not-assigned')
    case 'ticket':
      return tenant?.support.rendition === 'masked' && reason.case ? granted('all') : refused('tenant.rule')
    case 'second':
      if (resource.repeated) return granted('all')
      return second && mayStandBeside(caller, second, action, tenant) ? granted('all') : refused('role.second-person')
    case 'due':
      return resource.due ? granted('due') : refused('role.not-allowed')
    case 'event':
      return refused('role.not-allowed')
    case 'case':
      return reason.case ? granted('case') : refused('case.missing')
    case 'self':
      return granted('self')
  }
}

/**
 * Four eyes compare persons, not keys. The second person must be one who may ask for the same action by role alone (`yes`)
 * or with a second person (`second`): an assignment, a ticket or an event is a claim of the first caller and lends the
 * second no right.
 */
export function mayStandBeside(
  caller: Pick<Caller, 'id' | 'kind' | 'tenant'>,
  second: Caller,
  action: Action,
  tenant: Tenant | undefined,
): boolean {
  const row: Row = matrix[action]
  return (
    areTwoPersons(caller.id, second.id) &&
    second.tenant === caller.tenant &&
    second.kind === 'person' &&
    caller.kind === 'person' &&
    second.roles.some(role => (row[role] === 'yes' || row[role] === 'second') && roleInForce(role, second, tenant))
  )
}
