import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const shipped = fileURLToPath(new URL('../../infra/tenants', import.meta.url))

interface Policy {
  readonly residency?: object
}

/**
 * The shipped policies in a folder of their own, as if each platform had promised to keep its papers in this one region.
 * @param change makes something else of a policy, by its id
 * @returns the folder
 */
export async function tenantsIn(
  parent: string,
  region: string,
  change: (policy: Policy, id: string) => object = policy => policy,
): Promise<string> {
  const folder = join(parent, 'tenants')
  await cp(shipped, folder, { recursive: true })
  for (const name of (await readdir(folder)).filter(file => /^[a-z0-9-]+\.json$/.test(file))) {
    const policy = JSON.parse(await readFile(join(folder, name), 'utf8')) as Policy
    const residency = { regions: { [region]: { safeguard: 'demo:safeguard/tests' } }, minPlaces: 1 }
    const moved = policy.residency ? { ...policy, residency } : policy
    await writeFile(join(folder, name), JSON.stringify(change(moved, name.replace('.json', ''))))
  }
  return folder
}
