import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { loadTenants } from '../../src/adapters/file-tenants.ts'
import type { Caller, Reason } from '../../src/domain/caller.ts'
import type { CaseReference, PersonId, TenantId } from '../../src/domain/ids.ts'
import { type Action, actions, decide, matrix } from '../../src/domain/permission.ts'
import { type Role, roles } from '../../src/domain/role.ts'
import type { Tenant } from '../../src/domain/tenant.ts'
import { aTenant } from '../support/a-tenant.ts'
import { expandMatrix } from '../support/expand-matrix.ts'
import { allowed, type Question, type Second, seconds, tables } from './role-oracle.ts'

const names = ['nomor-keluar', 'omo7777', 'jnetot'] as const
const purposes: Record<(typeof names)[number], readonly string[]> = {
  'nomor-keluar': ['kyc', 'aml_fraud', 'dispute', 'legal', 'subject_request'],
  omo7777: ['kyc', 'fraud', 'regulatory', 'subject_request'],
  jnetot: ['kyc', 'aml_fraud', 'dispute', 'legal', 'subject_request'],
}
const tenants = names.map(id =>
  aTenant(id, { purposes: purposes[id], support: { rendition: id === 'omo7777' ? 'masked' : 'none' } }),
)

function caller(roles: readonly Role[], tenant: TenantId | undefined, over: Partial<Caller> = {}): Caller {
  const id = 'person-1' as PersonId
  return { kind: 'person', id, tenant, roles, auth: 'key', credential: 'k1', requestId: 'r1', ...over }
}

function asker(role: Role, tenant: TenantId): Caller {
  return role === 'system' ? caller([role], undefined, { kind: 'job', auth: 'system' }) : caller([role], tenant)
}

/** A role whose cell for the action is one of `cells`; undefined where the row has none. */
function roleWith(action: Action, cells: readonly string[]): Role | undefined {
  return roles.find(role => role !== 'system' && cells.includes(tables.cells.get(`${action} ${role}`) ?? '–'))
}

/** The second caller of that description; undefined where the action's row knows nobody of that kind. */
function secondFor(action: Action, second: Second, tenant: Tenant, other: Tenant): Caller | undefined {
  const id = 'person-2' as PersonId
  const able = roleWith(action, ['A', '✔'])
  const held = (role: Role | undefined) => (role === undefined ? [] : [role])
  switch (second) {
    case 'none':
      return undefined
    case 'same-person':
      return caller(held(able), tenant.id, { credential: 'k2' })
    case 'other-person-with-right':
      return caller(held(able), tenant.id, { id })
    case 'other-person-without-right':
      return caller(held(roleWith(action, ['–'])), tenant.id, { id })
    case 'other-person-with-a-conditional-right':
      return caller(held(roleWith(action, ['✔ when assigned', 'with ticket', 'by event', 'O'])), tenant.id, { id })
    case 'other-tenant-with-right':
      return caller(held(able), other.id, { id })
    case 'service-with-right':
      return caller(held(able), tenant.id, { id, kind: 'service' })
  }
}

function reasonOf({ purpose, named }: Question): Reason {
  const words = { none: undefined, listed: 'kyc', unlisted: 'marketing' }
  return { purpose: words[purpose], case: named ? ('CASE-1' as CaseReference) : undefined }
}

const bools = [false, true] as const

function* questionsOf(action: Action, role: Role, tenantMasksForSupport: boolean): Generator<Question> {
  const fixed = { action, role, tenantMasksForSupport }
  for (const sameTenant of bools)
    for (const known of bools)
      for (const own of bools)
        for (const assigned of bools)
          for (const due of bools)
            for (const purpose of ['none', 'listed', 'unlisted'] as const)
              for (const named of bools)
                for (const second of seconds)
                  yield { ...fixed, sameTenant, known, own, assigned, due, purpose, named, second }
}

test('every action and every role of the agreed table is in the matrix, and the other way round', () => {
  const agreed = new Set([...tables.cells.keys()].map(key => key.split(' ')[0]))
  const own = actions.filter(action => 'system' in matrix[action])
  assert.deepEqual(
    actions.filter(action => !agreed.has(action) && !own.includes(action)),
    [],
  )
  assert.deepEqual(
    [...agreed].filter(action => !actions.includes(action as Action)),
    [],
  )
  assert.deepEqual([...tables.roles].sort(), roles.filter(role => role !== 'system').sort())
})

for (const [at, tenant] of tenants.entries()) {
  const other = tenants[(at + 1) % tenants.length] as Tenant
  test(`${tenant.id}: decide says what the agreed table says, for every role, action, claim, reason and second person`, () => {
    let asked = 0
    for (const action of actions) {
      const beside = new Map(seconds.map(second => [second, secondFor(action, second, tenant, other)]))
      for (const role of roles) {
        for (const question of questionsOf(action, role, tenant.support.rendition === 'masked')) {
          const from = asker(role, question.sameTenant ? tenant.id : other.id)
          const answer = decide(from, action, question, tenant, reasonOf(question), beside.get(question.second))
          asked++
          if (answer.granted !== allowed(question)) {
            assert.fail(`${JSON.stringify(question)}: decided ${JSON.stringify(answer)}`)
          }
        }
      }
    }
    assert.equal(asked, actions.length * roles.length * 2 * 2 * 8 * 6 * seconds.length)
  })
}

/** The tenants that ship, in the order of the tables here. */
async function shipped(): Promise<readonly Tenant[]> {
  const loaded = await loadTenants(fileURLToPath(new URL('../../infra/tenants', import.meta.url)))
  return names.flatMap(id => [...loaded.values()].filter(tenant => tenant.id === id))
}

test('the tenants that ship have the purposes, roles and support rule that were agreed with them', async () => {
  const facts = ({ id, purposes: listed, roles: used, support }: Tenant) => ({
    id,
    purposes: listed,
    roles: [...used].sort(),
    support,
  })
  assert.deepEqual((await shipped()).map(facts), tenants.map(facts))
})

test('the committed role matrix is what decide answers today', async () => {
  const at = new URL('../repo/role-matrix.txt', import.meta.url)
  const table = expandMatrix(await shipped())
  if (process.env.UPDATE_TABLES === '1') writeFileSync(at, table)
  assert.equal(table, readFileSync(at, 'utf8'), 'review the difference, then write it with UPDATE_TABLES=1')
})

test('of several roles the most permissive decides, in whatever order the credential names them', () => {
  const some = fc.subarray(roles.filter(role => role !== 'system'))
  const claims = fc.record({ known: fc.constant(true), own: fc.boolean(), assigned: fc.boolean(), due: fc.boolean() })
  fc.assert(
    fc.property(
      some,
      fc.constantFrom(...actions),
      fc.constantFrom(...tenants),
      claims,
      (held, action, tenant, resource) => {
        const reason = { purpose: 'kyc', case: 'CASE-1' as CaseReference }
        const ask = (of: readonly Role[]) => decide(caller(of, tenant.id), action, resource, tenant, reason)
        const together = ask(held)
        const alone = held.map(role => ask([role]))
        assert.equal(
          together.granted,
          alone.some(answer => answer.granted),
        )
        const all = alone.some(answer => answer.granted && answer.scope === 'all')
        if (together.granted) assert.equal(together.scope === 'all', all)
        assert.deepEqual(ask(held.toReversed()), together)
      },
    ),
  )
})

test('a role that the tenant does not use gives no right, alone or as the second person', () => {
  const [tenant] = tenants as [Tenant]
  const without: Tenant = { ...tenant, roles: tenant.roles.filter(role => role !== 'legal') }
  const reason = { purpose: 'kyc', case: 'CASE-1' as CaseReference }
  const legal = caller(['legal'], tenant.id)
  const dpo = caller(['dpo'], tenant.id, { id: 'person-2' as PersonId })
  const open = (first: Caller, second: Caller, at: Tenant) =>
    decide(first, 'document.open.original', { known: true }, at, reason, second)
  assert.equal(open(dpo, legal, tenant).granted, true)
  assert.deepEqual(open(dpo, legal, without), { granted: false, code: 'role.second-person' })
  assert.deepEqual(open(legal, dpo, without), { granted: false, code: 'role.not-allowed' })
})

test('a service never stands in for one of two persons', () => {
  const [tenant] = tenants as [Tenant]
  const service = caller(['dpo'], tenant.id, { kind: 'service' })
  const person = caller(['admin'], tenant.id, { id: 'person-2' as PersonId })
  const answer = decide(
    service,
    'caller.manage',
    { known: true },
    tenant,
    { purpose: undefined, case: undefined },
    person,
  )
  assert.deepEqual(answer, { granted: false, code: 'role.second-person' })
})

test('the role of the vault itself counts for nothing in a credential', () => {
  const [tenant] = tenants as [Tenant]
  for (const auth of ['key', 'oidc'] as const) {
    for (const action of actions) {
      const answer = decide(caller(['system'], tenant.id, { auth }), action, { known: true }, tenant, {
        purpose: 'kyc',
        case: 'CASE-1' as CaseReference,
      })
      assert.deepEqual(answer, { granted: false, code: 'role.not-allowed' })
    }
  }
})

test('the role is judged before purpose, existence and claims, so that a refusal tells nothing of the paper', () => {
  const [tenant] = tenants as [Tenant]
  const nothing: Reason = { purpose: undefined, case: undefined }
  const full: Reason = { purpose: 'kyc', case: 'CASE-1' as CaseReference }
  const codes = [nothing, full].flatMap(reason =>
    bools.map(known => {
      const answer = decide(caller(['admin'], tenant.id), 'document.open.original', { known }, tenant, reason)
      return answer.granted ? 'granted' : answer.code
    }),
  )
  assert.deepEqual(new Set(codes), new Set(['role.not-allowed']))
})

test('a look at a paper without purpose, with one of another platform, or without a case is refused by its own code', () => {
  const omo7777 = tenants.find(tenant => tenant.id === 'omo7777') as Tenant
  const senior = caller(['senior-reviewer'], omo7777.id)
  const named = 'CASE-1' as CaseReference
  const open = (reason: Reason) => decide(senior, 'document.open.original', { known: true }, omo7777, reason)
  assert.deepEqual(open({ purpose: undefined, case: named }), {
    granted: false,
    code: 'purpose.missing',
    allowed: omo7777.purposes,
  })
  assert.deepEqual(open({ purpose: 'aml_fraud', case: named }), {
    granted: false,
    code: 'purpose.not-allowed',
    allowed: omo7777.purposes,
  })
  assert.deepEqual(open({ purpose: 'kyc', case: undefined }), { granted: false, code: 'case.missing' })
  assert.equal(open({ purpose: 'kyc', case: named }).granted, true)
})
