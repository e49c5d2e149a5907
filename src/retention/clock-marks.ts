import { canonicalJson } from '../domain/canonical.ts'
import type { RetentionPolicy } from '../domain/policy.ts'
import type { Tenant } from '../domain/tenant.ts'
import { sha256Of } from '../guards/fingerprints.ts'

/** Version of a policy to the base64url SHA-256 of its clocks. */
export type ClockMarks = Readonly<Record<string, string>>

const made = new WeakMap<Tenant, Promise<ClockMarks>>()

/** The marks of every version that a tenant's files have: equal for equal clocks, whatever else the files say. */
export function clockMarksOf(tenant: Tenant): Promise<ClockMarks> {
  const known = made.get(tenant) ?? marksOf(tenant)
  made.set(tenant, known)
  return known
}

async function marksOf({ policies }: Tenant): Promise<ClockMarks> {
  const marks = [...policies.values()].map(async policy => [policy.version, await markOf(policy)] as const)
  return Object.fromEntries(await Promise.all(marks))
}

async function markOf({ zone, rules, deletion }: RetentionPolicy): Promise<string> {
  const clocks = canonicalJson({ zone, rules: Object.fromEntries(rules), deletion })
  return sha256Of(Buffer.from(clocks))
}

/** Versions whose clocks are not what they were: a promise was altered in place. Ascending. */
export function alteredVersions(before: ClockMarks, now: ClockMarks): readonly string[] {
  return Object.keys(now).filter(version => before[version] !== undefined && before[version] !== now[version])
}
