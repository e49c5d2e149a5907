import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { ProductionPlace } from './production-place.ts'
import { runVault, type SpawnedVault, serveVault } from './spawned-vault.ts'

/** A production vault as an operator prepares it, with its instances. */
export interface ProductionSite<Place extends ProductionPlace> extends AsyncDisposable {
  readonly place: Place
  readonly vaults: readonly SpawnedVault[]
  readonly key: (tenant: string, role: string) => Promise<string>
}

/**
 * Keys, databases and first callers, then the instances.
 * @param more settings beside those of the place
 * @param options of `serve`
 */
export async function productionSite<Place extends ProductionPlace>(
  openPlace: () => Promise<Place>,
  instances: number,
  more: Readonly<Record<string, string>> = {},
  ...options: readonly string[]
): Promise<ProductionSite<Place>> {
  await using stack = new AsyncDisposableStack()
  const place = stack.use(await openPlace())
  const key = await prepare(place)
  const starting = Array.from({ length: instances }, () => serveVault({ ...place.settings, ...more }, ...options))
  const vaults = await Promise.all(starting)
  for (const vault of vaults) stack.use(vault)
  const held = stack.move()
  return { place, vaults, key, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** @returns the first key of a tenant's role */
export async function prepare(place: ProductionPlace): Promise<(tenant: string, role: string) => Promise<string>> {
  const { settings, doorKey, folder } = place
  const out = join(folder, 'first.json')
  for (const args of [['keys', 'init', '--door-key', doorKey], ['migrate'], ['caller', 'bootstrap', '--out', out]]) {
    const ran = await runVault(args, settings)
    assert.equal(ran.code, 0, ran.stderr)
  }
  return (tenant, role) => place.keyOf(out, tenant, role)
}

/** All end in order, and what they leave verifies. */
export async function stopped({ vaults, place }: ProductionSite<ProductionPlace>): Promise<void> {
  for (const { process } of vaults) process.kill('SIGTERM')
  for (const { ended } of vaults) assert.equal((await ended).code, 0)
  const verified = await runVault(['trail', 'verify'], place.settings)
  assert.equal(verified.code, 0, verified.stdout)
  assert.deepEqual(await problemsIn(place), [])
}

/** What `check` finds. */
export async function problemsIn({ settings }: ProductionPlace): Promise<readonly { readonly code: string }[]> {
  const checked = await runVault(['check', '--json'], settings)
  const { problems } = JSON.parse(checked.stdout) as { readonly problems: readonly { readonly code: string }[] }
  return problems
}
