import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { VaultError } from '../domain/errors.ts'
import { idPatterns, type TenantId } from '../domain/ids.ts'
import { parseStrictJson, reservedNames } from '../domain/strict-json.ts'

const deepest = 2
const file = z.record(z.string().regex(idPatterns.tenant), z.string().regex(/^[A-Za-z0-9:/_-]{1,2048}$/))

/**
 * The documents' keys of the tenants that have one of their own: JSON of tenant and key (alias, id or ARN).
 *
 * @param path undefined where no tenant has one
 * @throws {VaultError} config.invalid - not there, or not of this form
 */
export async function readTenantKeys(path: string | undefined): Promise<ReadonlyMap<TenantId, string>> {
  if (path === undefined) return new Map()
  try {
    const found = parseStrictJson(await readFile(path), deepest)
    if (reservedNames(found).length > 0) throw new VaultError('body.malformed')
    return new Map(Object.entries(file.parse(found)) as [TenantId, string][])
  } catch (error) {
    const problems = [
      { field: 'VAULT_KMS_TENANT_KEYS_FILE', message: 'names a file that is no JSON of tenant and key' },
    ]
    throw new VaultError('config.invalid', { problems }, error)
  }
}
