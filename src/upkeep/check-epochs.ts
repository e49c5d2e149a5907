import type { Finding } from '../domain/finding.ts'
import type { TenantId } from '../domain/ids.ts'
import { everyItem } from './check-pages.ts'
import type { Checked, CheckOptions } from './checking.ts'

/** No wrapped key is under an epoch that is over: nothing opens it any more, and twice it was proved that there is none. */
export async function* checkEpochs(
  vault: Checked,
  tenant: TenantId,
  { signal }: CheckOptions,
): AsyncGenerator<Finding, void> {
  for (const { epoch, state } of await vault.ledger.listEpochs(tenant)) {
    if (state !== 'disabled' && state !== 'ended') continue
    const keys = everyItem(
      (page: { readonly after?: string; readonly limit: number }) => vault.wrappedKeys.listUnder(epoch, tenant, page),
      ({ id }) => id,
      signal,
    )
    for await (const { id: key, document } of keys) yield { code: 'key.ended', tenant, document, key }
  }
}
