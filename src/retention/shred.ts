import { wrappedKeyId } from '../domain/document.ts'
import { codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import type { Doomed } from './give-up.ts'

/**
 * Destroys what can be opened, in this order, each step durable before the next: the mark in the list that no backup restores,
 * the wrapped key, the body with every version of it. A step that fails for all of them together is tried one by one, so that
 * one paper that cannot be destroyed does not keep the others.
 *
 * @returns those that are gone, each with the epoch that its key was destroyed under, and those that are not, each with why
 * @throws {VaultError} keys.unavailable, blobs.unavailable - the stores themselves do not answer: nobody is to blame
 */
export async function shred(
  vault: Vault,
  doomed: readonly Doomed[],
): Promise<{
  readonly gone: readonly Doomed[]
  readonly failed: readonly { readonly one: Doomed; readonly error: unknown }[]
}> {
  const [first] = doomed
  if (!first) return { gone: [], failed: [] }
  await vault.destroyed.append(
    first.grant,
    doomed.map(({ document, grant }) => ({
      tenant: document.tenant,
      document: document.id,
      messageId: document.messageId,
      atMs: vault.clock.nowMs(),
      intent: { log: grant.intent.log, index: grant.intent.index, leafHash: grant.intent.leafHash },
    })),
  )
  const keys = await eachOrAll(doomed, some => destroyKeys(vault, some))
  const bodies = await eachOrAll(keys.gone, some => deleteBodies(vault, some))
  const failed = [...keys.failed, ...bodies.failed]
  if (failed.length > 0) await requireStores(vault)
  for (const { error } of failed) vault.log.error('paper not destroyed', { job: 'purge', code: codeOf(error) })
  return { gone: bodies.gone, failed }
}

/** A key that was wrapped anew since its paper was given up lay under another epoch than the row tells. */
async function destroyKeys(vault: Vault, some: readonly Doomed[]): Promise<readonly Doomed[]> {
  const [first] = some
  if (!first) return some
  const ids = some.map(({ document }) => wrappedKeyId(document.messageId))
  const epochs = await vault.wrappedKeys.destroy(first.grant, ids)
  return some.map((one, at) => {
    const [epoch, { document }] = [epochs.get(ids[at] ?? ''), one]
    if (epoch === undefined || epoch === document.purge.epoch) return one
    return { ...one, document: { ...document, purge: { ...document.purge, epoch } } }
  })
}

async function deleteBodies(vault: Vault, some: readonly Doomed[]): Promise<readonly Doomed[]> {
  const [first] = some
  if (!first) return some
  await vault.blobs.deleteAll(
    first.grant,
    some.map(({ document }) => document.blobKey),
  )
  return some
}

async function eachOrAll(doomed: readonly Doomed[], work: (some: readonly Doomed[]) => Promise<readonly Doomed[]>) {
  try {
    return { gone: await work(doomed), failed: [] }
  } catch (error) {
    if (doomed.length === 1) return { gone: [], failed: doomed.map(one => ({ one, error })) }
  }
  const gone: Doomed[] = []
  const failed: { one: Doomed; error: unknown }[] = []
  for (const one of doomed) {
    const alone = await eachOrAll([one], work)
    gone.push(...alone.gone)
    failed.push(...alone.failed)
  }
  return { gone, failed }
}

/** A store that is away fails every paper, and none of them is to blame: this throws then. */
async function requireStores(vault: Vault): Promise<void> {
  await vault.wrappedKeys.list({ limit: 1 })
  await vault.blobs.ready()
}
