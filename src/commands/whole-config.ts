import { type Config, readConfig, tenantsDirOf } from '../config.ts'
import { VaultError } from '../domain/errors.ts'
import { loadTenants, problemsOf } from '../settings-check.ts'

/**
 * The settings. Where they cannot be read the tenants' policies still can: one failure tells everything that can be told.
 * @throws {VaultError} config.invalid - with every problem of settings and policies
 */
export async function readWholeConfig(): Promise<Config> {
  try {
    return readConfig()
  } catch (error) {
    if (!(error instanceof VaultError) || error.code !== 'config.invalid') throw error
    const policies = await problemsOf(loadTenants({ tenantsDir: tenantsDirOf(), tenants: undefined }))
    throw new VaultError('config.invalid', { problems: [...(error.facts.problems ?? []), ...policies] }, error)
  }
}
