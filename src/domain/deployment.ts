import type { Tenant } from './tenant.ts'

/** What an operator says of a deployment, and what its services said of themselves. */
export interface Deployment {
  /** Every region that papers, keys, rows or copies of them lie in, as declared. */
  readonly regions: readonly string[]
  /** The least version of TLS that whatever stands before the vault accepts, as declared. */
  readonly tlsFloor: '1.2' | '1.3'
  /** Whether references that are for trying out are taken for real ones. */
  readonly takesDemo: boolean
}

/**
 * What is to be said of one setting. A `problem` ends the start; a part that is `unreachable` could not be judged; a `remark` is
 * for the operator to know.
 */
export interface SettingFinding {
  readonly weight: 'problem' | 'unreachable' | 'remark'
  /** A setting, or a tenant's file and member. */
  readonly field: string
  readonly message: string
}

/**
 * Which of a tenant's promises this deployment cannot keep. Pure.
 * @returns nothing when it may be served here
 */
export function brokenPromises(tenant: Tenant, deployment: Deployment): readonly SettingFinding[] {
  const { id, residency, tlsAtLeast, demo, lacking } = tenant
  const at = (member: string) => `${id}.json: ${member}`
  const problem = (member: string, message: string): SettingFinding => ({
    weight: 'problem',
    field: at(member),
    message,
  })
  const found: SettingFinding[] = []
  for (const region of deployment.regions) {
    if (!residency.regions.has(region)) found.push(problem('residency', `forbids the region ${region}`))
  }
  if (deployment.regions.length < residency.minPlaces) {
    found.push(problem('residency', `asks for ${residency.minPlaces} regions; VAULT_REGIONS names fewer`))
  }
  if (tlsAtLeast > deployment.tlsFloor) {
    found.push(problem('tls.atLeast', `asks for TLS ${tlsAtLeast}; VAULT_TLS_FLOOR is ${deployment.tlsFloor}`))
  }
  if (!deployment.takesDemo) {
    for (const member of demo) found.push(problem(member, 'is a demo: reference, which production refuses'))
  }
  return [...found, ...remarksOn({ id, lacking, demo: [] })]
}

/** What an operator should know of a tenant before people rely on it, whatever it runs on. */
export function remarksOn({ id, lacking, demo }: Pick<Tenant, 'id' | 'lacking' | 'demo'>): readonly SettingFinding[] {
  const remark = (member: string, message: string): SettingFinding => ({
    weight: 'remark',
    field: `${id}.json: ${member}`,
    message,
  })
  return [
    ...lacking.map(member => remark(member, 'is missing: this tenant takes no papers until it is there')),
    ...demo.map(member => remark(member, 'is a demo: reference, which nobody has confirmed')),
  ]
}

/** What a service said of where it is, against what is declared. */
export function regionFinding(
  field: string,
  region: string | undefined,
  declared: readonly string[],
): readonly SettingFinding[] {
  if (region === undefined) return [{ weight: 'problem', field, message: 'does not say which region it is in' }]
  if (declared.includes(region)) return []
  return [{ weight: 'problem', field, message: `lies in ${region}, which VAULT_REGIONS does not name` }]
}
