import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { DocumentId, PurgeRunId } from '../domain/ids.ts'
import type { PurgeOutcome } from '../domain/purge-run.ts'
import type { Tenant } from '../domain/tenant.ts'
import { admitAll, close, codeOf, isLive, type Refusal } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { judgeTarget, readFiles, type Target, type Verdict } from './batch-files.ts'
import { bury } from './bury.ts'
import { type Doomed, epochsOf, type Granted, giveUp } from './give-up.ts'
import { shred } from './shred.ts'

/** On whose behalf a batch is destroyed. */
export interface Batch {
  readonly tenant: Tenant
  readonly caller: Caller
  readonly run?: PurgeRunId
}

type Outcomes = ReadonlyMap<DocumentId, PurgeOutcome>

/**
 * Destroys the papers of one batch, at most 256, each step durable before the next: intents, rows to `purging`, the list of
 * the destroyed, wrapped keys, bodies, certificates, tombstones. Each is judged anew; what is not due any more is refused on
 * record and spared. Whatever ends it in the middle, the papers it gave up are `purging`, and doing it again finishes them.
 *
 * @returns the outcome of each target
 * @throws {VaultError} *.unavailable, storage.full - a store does not answer; do it again later
 */
export async function purgeBatch(vault: Vault, batch: Batch, targets: readonly Target[]): Promise<Outcomes> {
  const { tenant, caller, run } = batch
  const outcomes = new Map<DocumentId, PurgeOutcome>()
  const subjects = [...new Set(targets.map(({ subject }) => subject))]
  const files = new Map(await readFiles(vault, tenant, subjects, targets))
  const asked: Judged[] = []
  for (const target of targets) {
    const file = files.get(target.subject)
    if (!file) continue
    const verdict = judgeTarget(tenant, file, target, vault.clock.nowMs())
    if (verdict.do === 'nothing') outcomes.set(target.document, verdict.outcome)
    // Of what is destroyed already there is nothing to decide.
    if (verdict.do !== 'nothing' || verdict.outcome !== 'destroyed') asked.push({ target, verdict })
  }
  const granted = await admitTargets(vault, caller, asked, run)
  try {
    const judged = Map.groupBy(granted, ({ target }) => target.subject)
    const epochs = await epochsOf(vault, granted)
    const left = await Promise.all(
      [...judged].map(([id, some]) => {
        const file = files.get(id) ?? { subject: undefined, papers: new Map() }
        return giveUp(vault, tenant, { id, file, judged: some }, epochs, run)
      }),
    )
    for (const [at, id] of [...judged.keys()].entries()) if (left[at]) files.set(id, left[at].file)
    const doomed: Doomed[] = []
    for (const one of left.flatMap(({ given }) => given)) {
      if ('document' in one) doomed.push(one)
      else {
        outcomes.set(one.target.document, one.outcome)
        await close(vault, one.grant, { out: 'error', why: refusalOf(one.outcome).code })
      }
    }
    const { gone, failed } = await shred(vault, doomed)
    await Promise.all(failed.map(({ one, error }) => countFailure(vault, one, error)))
    for (const { one } of failed) outcomes.set(one.target.document, 'failed')
    await bury(vault, tenant, gone, files)
    for (const { target } of gone) outcomes.set(target.document, 'destroyed')
    return outcomes
  } catch (error) {
    const live = granted.filter(({ grant }) => isLive(grant))
    await Promise.all(live.map(({ grant }) => close(vault, grant, { out: 'error', why: codeOf(error) }, error)))
    throw error
  }
}

interface Judged {
  readonly target: Target
  readonly verdict: Verdict
}

async function admitTargets(
  vault: Vault,
  caller: Caller,
  asked: readonly Judged[],
  run: PurgeRunId | undefined,
): Promise<readonly (Granted & Judged)[]> {
  const answers = await admitAll(
    vault,
    caller,
    asked.map(({ target, verdict }) => ({
      action: 'purge.execute' as const,
      resource: { known: true },
      document: target.document,
      subject: target.subject,
      ...(run === undefined ? {} : { detail: { run } }),
      refuse: () => (verdict.do === 'nothing' ? refusalOf(verdict.outcome) : undefined),
    })),
  )
  return answers.flatMap((answer, at): readonly (Granted & Judged)[] => {
    const one = asked[at]
    if (!one) return []
    if (!(answer instanceof VaultError)) return [{ ...one, grant: answer }]
    // Spared by its verdict; refused for any other reason, the whole batch has no right to be here.
    if (one.verdict.do === 'nothing') return []
    throw answer
  })
}

/** How the trail tells why a paper of a plan was spared. */
function refusalOf(outcome: PurgeOutcome): Refusal {
  switch (outcome) {
    case 'held':
      return { code: 'document.held' }
    case 'gone':
      return { code: 'document.unknown' }
    default:
      return { code: 'purge.stale', facts: { detail: outcome } }
  }
}

/** Its row says how often, so that one that fails for ever is left to a person. */
async function countFailure(vault: Vault, { document, grant }: Doomed, error: unknown): Promise<void> {
  const put = { ...document, attempts: document.attempts + 1, version: document.version + 1 }
  await vault.ledger.commit(grant, [{ row: 'document', expected: document.version, put }])
  await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
}
