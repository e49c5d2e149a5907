import { isUnavailable } from '../domain/errors.ts'
import type { DocumentId } from '../domain/ids.ts'
import type { PurgeOutcome } from '../domain/purge-run.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import type { Target } from './batch-files.ts'
import { type Batch, purgeBatch } from './purge-batch.ts'

/**
 * Destroys a batch, and where that fails, person by person, so that one person's rows that nobody can read or write keep no other's
 * papers. What is left of such a person counts as failed, as a paper does whose key or body cannot be destroyed.
 *
 * @returns the outcome of each target
 * @throws {VaultError} *.unavailable, storage.full - a store does not answer: nobody is to blame, do it again later
 */
export async function purgeApart(
  vault: Vault,
  batch: Batch,
  targets: readonly Target[],
): Promise<ReadonlyMap<DocumentId, PurgeOutcome>> {
  try {
    return await purgeBatch(vault, batch, targets)
  } catch (error) {
    if (isUnavailable(codeOf(error))) throw error
    const persons = [...Map.groupBy(targets, ({ subject }) => subject).values()]
    if (persons.length === 1) return blame(vault, batch, targets, error)
    const outcomes = new Map<DocumentId, PurgeOutcome>()
    for (const some of persons) {
      for (const [id, outcome] of await purgeApart(vault, batch, some)) outcomes.set(id, outcome)
    }
    return outcomes
  }
}

async function blame(
  vault: Vault,
  { tenant, caller, run }: Batch,
  targets: readonly Target[],
  error: unknown,
): Promise<ReadonlyMap<DocumentId, PurgeOutcome>> {
  vault.log.error('papers of a person not destroyed', { job: 'purge', tenant: tenant.id, code: codeOf(error) })
  for (const { document: id, subject } of targets) {
    const document = await vault.ledger.findDocument(tenant.id, id)
    if (document?.state !== 'purging') continue
    const { grant } = await admit(vault, caller, {
      action: 'purge.execute',
      resource: { known: true },
      document: id,
      subject,
      ...(run === undefined ? {} : { detail: { run } }),
    })
    const put = { ...document, attempts: document.attempts + 1, version: document.version + 1 }
    try {
      await vault.ledger.commit(grant, [{ row: 'document', expected: document.version, put }])
    } catch (other) {
      // It is tried again, apart, by the next turn.
      if (isUnavailable(codeOf(other))) throw other
    } finally {
      await close(vault, grant, { out: 'error', why: codeOf(error) })
    }
  }
  return new Map(targets.map(({ document }) => [document, 'failed']))
}
