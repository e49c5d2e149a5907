import type { TenantId } from '../../src/domain/ids.ts'
import type { RetentionPolicy, RetentionRule } from '../../src/domain/policy.ts'
import { roles } from '../../src/domain/role.ts'
import type { Tenant } from '../../src/domain/tenant.ts'

/** A rule as the tenants that ship have it for an ID. */
export function aRule(over: Partial<RetentionRule> = {}): RetentionRule {
  return { years: 7, floorYears: 5, basis: 'identity-records', onDeletion: 'floor', ...over }
}

/** Clocks with a rule for an ID and, without a floor, for a selfie. */
export function someClocks(over: Partial<RetentionPolicy> = {}): RetentionPolicy {
  const shredded = aRule({ floorYears: 0, basis: 'consent', onDeletion: 'shred' })
  return {
    version: 1,
    zone: 'Asia/Jakarta',
    rules: new Map([
      ['id', aRule()],
      ['selfie', shredded],
    ]),
    deletion: { answerDays: 30, shredAfterDays: 21 },
    ...over,
  }
}

/** A tenant that lacks nothing and takes no paper, for what needs one without a file; version and zone are its last clocks'. */
export function aTenant(
  id: string,
  over: Partial<Omit<Tenant, 'id' | 'policies'>> = {},
  clocks = [someClocks()],
): Tenant {
  const today = clocks.at(-1) ?? someClocks()
  const basis = { law: 'A law', jurisdiction: 'ID', words: 'A law asks for it.', source: 'A gazette' }
  return {
    id: id as TenantId,
    version: today.version,
    name: id,
    zone: today.zone,
    papers: new Map(),
    refused: new Map(),
    purposes: ['kyc'],
    roles: roles.filter(role => role !== 'system'),
    support: { rendition: 'none' },
    jurisdiction: 'ID',
    licence: 'a licence',
    bases: new Map([
      ['identity-records', basis],
      ['consent', basis],
    ]),
    policies: new Map(clocks.map(one => [one.version, one])),
    holds: ['dispute', 'withdrawal', 'legal_order'],
    purge: { schedule: '0 2 * * *', approval: false, maxPerRun: 10_000, keyBackupDays: 7 },
    residency: { regions: new Map([['here-1', undefined]]), minPlaces: 1 },
    tlsAtLeast: '1.2',
    decisions: [],
    sources: new Map([['retention', 'A promise']]),
    lacking: [],
    demo: [],
    ...over,
  }
}
