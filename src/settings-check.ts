import type { SoundParts } from './config.ts'
import { remarksOn, type SettingFinding } from './domain/deployment.ts'
import { VaultError } from './domain/errors.ts'
import type { TenantId } from './domain/ids.ts'
import type { ProcessRole } from './domain/process-role.ts'
import type { Tenant } from './domain/tenant.ts'

type Problem = { readonly field: string; readonly message: string }

/**
 * The policies of the tenants that are served: all of the folder, or those that the settings name.
 * @throws {VaultError} config.invalid - as `loadTenants` of the adapter, or a tenant is named that has no policy
 */
export async function loadTenants({
  tenantsDir,
  tenants: served,
}: Pick<SoundParts, 'tenantsDir' | 'tenants'>): Promise<ReadonlyMap<TenantId, Tenant>> {
  const module = await import('./adapters/file-tenants.ts')
  const all = await module.loadTenants(tenantsDir)
  if (served === undefined) return all
  const absent = served.filter(id => ![...all.keys()].some(known => known === id))
  if (absent.length === 0) return new Map([...all].filter(([id]) => served.includes(id)))
  const problems = absent.map(id => ({ field: 'VAULT_TENANTS', message: `names ${id}, which has no policy` }))
  throw new VaultError('config.invalid', { problems })
}

/** One tenant's policy by its file, or every problem of it; changes nothing. */
export async function inspectPolicy(
  path: string,
): Promise<{ readonly tenant: Tenant } | { readonly problems: readonly Problem[] }> {
  const { loadTenant } = await import('./adapters/file-tenants.ts')
  return loadTenant(path)
}

/**
 * What is to be said of the settings beyond their form: the tenants' policies, the issuers of tokens, and for production every
 * promise that the deployment has to keep. Nothing is made or changed.
 *
 * @param config the settings, or those parts of them that are whole
 * @param roles what the process is to do
 */
export async function inspectSettings(
  config: SoundParts,
  roles: readonly ProcessRole[],
): Promise<readonly SettingFinding[]> {
  const loading = loadTenants(config)
  const refused = await problemsOf(loading)
  const tenants = refused.length > 0 ? new Map<TenantId, Tenant>() : await loading
  const issuers = refused.length > 0 ? [] : await problemsOf(loadIssuers(config, tenants))
  const found = [...refused, ...issuers].map(problem => ({ weight: 'problem', ...problem }) as const)
  if (config.backing === 'embedded') return [...found, ...[...tenants.values()].flatMap(remarksOn)]
  const { inspectProduction } = await import('./production-check.ts')
  return [...found, ...(await inspectProduction(config, [...tenants.values()], roles))]
}

/**
 * Production starts on nothing that breaks a promise. What does not answer now is told by whatever opens it.
 * @throws {VaultError} config.invalid - with every problem at once
 */
export async function requirePromises(config: SoundParts, roles: readonly ProcessRole[]): Promise<void> {
  const found = await inspectSettings(config, roles)
  if (!found.some(({ weight }) => weight === 'problem')) return
  const problems = found
    .filter(({ weight }) => weight !== 'remark')
    .map(({ field, message }): Problem => ({ field, message }))
  throw new VaultError('config.invalid', { problems })
}

async function loadIssuers({ oidcFile }: SoundParts, tenants: ReadonlyMap<TenantId, Tenant>): Promise<void> {
  if (oidcFile === undefined) return
  const { loadOidcIssuers } = await import('./adapters/oidc-file.ts')
  await loadOidcIssuers(oidcFile, tenants)
}

/** What a part of the settings is refused for; none when it is taken. */
export async function problemsOf(asked: Promise<unknown>): Promise<readonly Problem[]> {
  try {
    await asked
    return []
  } catch (error) {
    if (error instanceof VaultError && error.code === 'config.invalid') return error.facts.problems ?? []
    throw error
  }
}
