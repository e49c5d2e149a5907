import type { Caller } from '../../src/domain/caller.ts'
import type { CaseReference, PersonId } from '../../src/domain/ids.ts'
import { type Action, actions, decide } from '../../src/domain/permission.ts'
import { type Role, roles } from '../../src/domain/role.ts'
import type { Tenant } from '../../src/domain/tenant.ts'

/** What a caller can bring; each cell of the readable table is the smallest sets of these that are enough. */
const claims = ['purpose', 'case', 'own', 'assigned', 'due', 'second'] as const
type Claim = (typeof claims)[number]

const legend = `Who may do what, as decide() answers: made by test/unit/permission.test.ts, compared on every run, written
anew with UPDATE_TABLES=1. One table for each tenant that ships. Whatever is not written here is denied.

  yes       allowed              own       deposited by or assigned to the caller, and only those are seen
  assigned  while the caller holds its review              due   only what is due for destruction
  2nd       with a second, different person of the same tenant who may ask the same
  case      with a case, and only entries of that case     self  only the caller's own entries
  R         with a purpose of the tenant's list and a case; R+x: that and x too
`

/** The text of test/repo/role-matrix.txt. */
export function expandMatrix(tenants: readonly Tenant[]): string {
  return [legend, ...tenants.map(tableOf)].join('\n')
}

function tableOf(tenant: Tenant): string {
  const head = ['action', ...roles]
  const rows = actions.map(action => [action, ...roles.map(role => cellOf(tenant, action, role))])
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map(row => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return `${[`tenant ${tenant.id}`, line(head), ...rows.map(line)].join('\n')}\n`
}

function cellOf(tenant: Tenant, action: Action, role: Role): string {
  const enough: { readonly held: readonly Claim[]; readonly scope: string }[] = []
  for (const held of subsets()) {
    if (enough.some(smaller => smaller.held.every(claim => held.includes(claim)))) continue
    const answer = ask(tenant, action, role, held)
    if (answer.granted) enough.push({ held, scope: answer.scope })
  }
  return enough.length === 0 ? '-' : shorten(enough.map(({ held, scope }) => `${held.join('+')}>${scope}`).join('|'))
}

/** Every set of claims, smaller ones first. */
function subsets(): readonly (readonly Claim[])[] {
  const all = Array.from({ length: 2 ** claims.length }, (_, bits) => claims.filter((_claim, at) => bits & (1 << at)))
  return all.sort((a, b) => a.length - b.length)
}

function ask(tenant: Tenant, action: Action, role: Role, held: readonly Claim[]) {
  const has = (claim: Claim) => held.includes(claim)
  const reason = {
    purpose: has('purpose') ? tenant.purposes[0] : undefined,
    case: has('case') ? ('CASE-1' as CaseReference) : undefined,
  }
  const resource = { known: true, own: has('own'), assigned: has('assigned'), due: has('due') }
  const second = has('second') ? { ...person(tenant, role), id: 'person-2' as PersonId } : undefined
  return decide(person(tenant, role), action, resource, tenant, reason, second)
}

function person(tenant: Tenant, role: Role): Caller {
  const id = 'person-1' as PersonId
  const base = { id, roles: [role], credential: 'k', requestId: 'r' }
  return role === 'system'
    ? { ...base, kind: 'job', tenant: undefined, auth: 'system' }
    : { ...base, kind: 'person', tenant: tenant.id, auth: 'key' }
}

const short: Readonly<Record<string, string>> = {
  '>all': 'yes',
  '>self': 'self',
  'case>case': 'case',
  'due>due': 'due',
  'second>all': '2nd',
  'assigned>all': 'assigned',
  'own>own|assigned>own': 'own',
  'purpose+case>all': 'R',
  'purpose+case+assigned>all': 'R+assigned',
  'purpose+case+second>all': 'R+2nd',
}

/** A combination without a short name stands in full, so that nothing new hides behind a familiar word. */
function shorten(text: string): string {
  return short[text] ?? text
}
