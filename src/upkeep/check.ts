import type { Finding } from '../domain/finding.ts'
import { checkAnswers } from './check-answers.ts'
import { checkBlobs } from './check-blobs.ts'
import { checkDestroyed } from './check-destroyed.ts'
import { checkDocuments } from './check-documents.ts'
import { checkEntries } from './check-entries.ts'
import { checkEpochs } from './check-epochs.ts'
import { checkKeys } from './check-keys.ts'
import { checkReviews } from './check-reviews.ts'
import { checkRuns } from './check-runs.ts'
import { checkSubjects } from './check-subjects.ts'
import type { Checked, CheckOptions } from './checking.ts'

/**
 * Reads every row, key, body and entry, page by page, and gives whatever contradicts what may never happen. It changes
 * nothing and opens no paper: everything is judged by names, lengths, hashes and the trail. The trail's own hashes are
 * verified elsewhere. Without findings, everything that was acknowledged is there, whole, and only once.
 *
 * @throws {VaultError} *.unavailable - a store cannot be read, so nothing can be said
 */
export async function* check(vault: Checked, options: CheckOptions): AsyncGenerator<Finding, void> {
  for (const tenant of await vault.ledger.tenants()) {
    options.counts.tenants++
    if (!vault.tenants.has(tenant)) yield { code: 'tenant.unknown', tenant }
    yield* checkSubjects(vault, tenant, options)
    yield* checkDocuments(vault, tenant, options)
    yield* checkEpochs(vault, tenant, options)
    yield* checkReviews(vault, tenant, options)
    yield* checkAnswers(vault, tenant, options)
    yield* checkRuns(vault, tenant, options)
  }
  yield* checkKeys(vault, options)
  yield* checkBlobs(vault, options)
  yield* checkEntries(vault, options)
  yield* checkDestroyed(vault)
}
