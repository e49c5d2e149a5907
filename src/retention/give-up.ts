import { type PurgingDocument, wrappedKeyId } from '../domain/document.ts'
import type { Grant } from '../domain/grant.ts'
import type { DocumentId, PurgeRunId, SubjectId } from '../domain/ids.ts'
import type { PurgeOutcome } from '../domain/purge-run.ts'
import { closedSince } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import type { Vault } from '../guards/vault.ts'
import type { Change } from '../ports/ledger.ts'
import { judgeTarget, readFile, type SubjectFile, type Target, type Verdict } from './batch-files.ts'

const mostTries = 8

/** A target with the grant to destroy it. */
export interface Granted {
  readonly target: Target
  readonly grant: Grant<'purge.execute' | 'restore.check'>
}

/** A paper that no read reaches any more, to be destroyed now. */
export interface Doomed extends Granted {
  readonly document: PurgingDocument
}

/** What became of each target of one subject: doomed, or spared with its outcome. */
export type GivenUp = Doomed | (Granted & { readonly outcome: PurgeOutcome })

/**
 * Moves the due papers of one subject to `purging` in one commit with the version of the subject that the decision rests on,
 * so that of a hold and a purge exactly one wins. The loser looks again.
 *
 * @param file as it was when the grants were asked for
 */
export async function giveUp(
  vault: Vault,
  tenant: Tenant,
  subject: SubjectId,
  granted: readonly Granted[],
  file: SubjectFile,
  run: PurgeRunId | undefined,
): Promise<readonly GivenUp[]> {
  let seen = file
  for (let tries = 0; tries < mostTries; tries++) {
    if (tries > 0)
      seen = await readFile(
        vault,
        tenant,
        subject,
        granted.map(({ target }) => target),
      )
    const nowMs = vault.clock.nowMs()
    const judged = granted.map(one => ({ ...one, verdict: judgeTarget(tenant, seen, one.target, nowMs) }))
    const epochs = await epochsOf(
      vault,
      judged.map(({ verdict }) => verdict),
    )
    const decided = judged.map(({ target, grant, verdict }): GivenUp => {
      if (verdict.do === 'nothing') return { target, grant, outcome: verdict.outcome }
      return { target, grant, document: purgingOf(verdict, epochs.get(verdict.document.id), run, nowMs) }
    })
    const changes = changesOf(seen, decided)
    const [first] = granted
    if (changes.length === 0 || !first) return decided
    const committed = await vault.ledger.commit(first.grant, changes)
    if (committed.done) return decided
  }
  return granted.map(one => ({ ...one, outcome: 'changed' }))
}

/** The epochs of the wrapped keys that are there still. */
async function epochsOf(vault: Vault, verdicts: readonly Verdict[]): Promise<ReadonlyMap<DocumentId, string>> {
  const documents = verdicts.flatMap(verdict => (verdict.do === 'nothing' ? [] : [verdict.document]))
  const keys = await Promise.all(documents.map(({ messageId }) => vault.wrappedKeys.get(wrappedKeyId(messageId))))
  return new Map(documents.flatMap(({ id }, at) => (keys[at] ? [[id, keys[at].epoch] as const] : [])))
}

function purgingOf(
  verdict: Exclude<Verdict, { do: 'nothing' }>,
  epoch: string | undefined,
  run: PurgeRunId | undefined,
  nowMs: number,
): PurgingDocument {
  const known = epoch === undefined ? {} : { epoch }
  if (verdict.do === 'finish') {
    const { document } = verdict
    if (epoch === undefined || epoch === document.purge.epoch) return document
    return { ...document, purge: { ...document.purge, epoch }, version: document.version + 1 }
  }
  const { document, subject, retention } = verdict
  const { ground, basis, dueOn, policyVersion } = retention
  const closedAtMs = closedSince(subject)
  return {
    ...document,
    state: 'purging',
    purgingSinceMs: nowMs,
    purge: {
      kind: 'lapse',
      basis: `${ground}:${basis}`,
      policyVersion,
      ...(dueOn === undefined ? {} : { dueOn }),
      ...(closedAtMs === undefined ? {} : { closedAtMs }),
      ...(run === undefined ? {} : { run }),
      ...known,
    },
    attempts: 0,
    version: document.version + 1,
  }
}

/** The subject's version moves when a paper is given up; one that was given up before only keeps its epoch. */
function changesOf({ subject, papers }: SubjectFile, decided: readonly GivenUp[]): readonly Change[] {
  const changes: Change[] = []
  let givesUp = false
  for (const one of decided) {
    const before = 'document' in one ? papers.get(one.document.id) : undefined
    if (!before || !('document' in one) || before.version === one.document.version) continue
    givesUp ||= before.state === 'stored'
    changes.push({ row: 'document', expected: before.version, put: one.document })
  }
  if (!givesUp || !subject) return changes
  const put = { ...subject, version: subject.version + 1 }
  return [...changes, { row: 'subject', expected: subject.version, put }]
}
