import type { HoldKind } from './hold.ts'
import type { TenantId } from './ids.ts'
import type { PaperType } from './media.ts'
import type { LegalBasis, PolicyDecision, PurgeRule, RetentionPolicy } from './policy.ts'
import type { Role } from './role.ts'

/** One platform and its promises, as versioned data (`infra/tenants/*.json`). */
export interface Tenant {
  readonly id: TenantId
  /** Positive, grows with each change; kept with every document. */
  readonly version: number
  readonly name: string
  /** IANA time zone in which its calendar rules are read. */
  readonly zone: string
  readonly papers: ReadonlyMap<PaperType, PaperRule>
  /** Papers refused by name, with the promise that refuses them: shown to the caller. */
  readonly refused: ReadonlyMap<PaperType, string>
  readonly purposes: readonly string[]
  /** The roles this tenant uses; others get no key and no right here. A policy can only tighten the role table. */
  readonly roles: readonly Role[]
  readonly support: { readonly rendition: 'none' | 'masked' }
  /** ISO 3166 code of the country it is licensed in; `demo:` before it while nobody has confirmed it. */
  readonly jurisdiction: string | undefined
  /** Reference of the licence it works under; `demo:` references are for trying out. */
  readonly licence: string | undefined
  /** Named by the rules of its retention. */
  readonly bases: ReadonlyMap<string, LegalBasis>
  /** Every version of its clocks that a paper may have come under, today's included, by version. */
  readonly policies: ReadonlyMap<number, RetentionPolicy>
  /** What it may hold papers for. */
  readonly holds: readonly HoldKind[]
  readonly purge: PurgeRule
  /** Where its papers may lie: regions of the store and the keys, each with the reference of its safeguard where one is asked. */
  readonly residency: { readonly regions: ReadonlyMap<string, string | undefined>; readonly minPlaces: number }
  /** The least version of TLS towards its people. */
  readonly tlsAtLeast: '1.2' | '1.3'
  readonly decisions: readonly PolicyDecision[]
  /** The promise or law that each part of the policy rests on, by the part's name, such as `retention`. */
  readonly sources: ReadonlyMap<string, string>
  /** What it lacks before it may take papers, by path; none when it is active. */
  readonly lacking: readonly string[]
  /** Paths whose reference begins with `demo:`; production refuses them. */
  readonly demo: readonly string[]
}

/** Whether it may take papers: every kept class names its basis, and the tenant its jurisdiction and licence. */
export function isActive({ lacking }: Tenant): boolean {
  return lacking.length === 0
}

/** Under which conditions a tenant collects one type of paper. */
export interface PaperRule {
  readonly kinds: readonly string[]
  /** The subject's tier from which on it may be collected. */
  readonly minTier: number
}

/** Why a tenant does not take a paper: its code, and words for the uploader from the tenant's own promise. */
export type PaperRefusal =
  | { readonly code: 'paper.type-not-allowed'; readonly allowed: readonly string[]; readonly detail: string }
  | { readonly code: 'paper.kind-not-allowed'; readonly allowed: readonly string[]; readonly detail: string }
  | { readonly code: 'paper.tier-too-low'; readonly limit: number; readonly actual: number; readonly detail: string }

/** Whether the tenant's promises let it collect this paper from a subject of this tier; undefined means yes. */
export function refusePaper(tenant: Tenant, type: PaperType, kind: string, tier: number): PaperRefusal | undefined {
  const rule = tenant.papers.get(type)
  if (!rule) {
    const detail = tenant.refused.get(type) ?? 'This platform does not collect this paper.'
    return { code: 'paper.type-not-allowed', allowed: [...tenant.papers.keys()], detail }
  }
  if (!rule.kinds.includes(kind)) {
    return { code: 'paper.kind-not-allowed', allowed: rule.kinds, detail: 'This platform does not collect this kind.' }
  }
  if (tier < rule.minTier) {
    const detail = `This platform collects this paper only from tier ${rule.minTier} on.`
    return { code: 'paper.tier-too-low', limit: rule.minTier, actual: tier, detail }
  }
  return undefined
}
