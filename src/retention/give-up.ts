import { type PurgingDocument, wrappedKeyId } from '../domain/document.ts'
import type { Grant } from '../domain/grant.ts'
import type { PurgeRunId, SubjectId } from '../domain/ids.ts'
import type { PurgeOutcome } from '../domain/purge-run.ts'
import { closedSince } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import type { Vault } from '../guards/vault.ts'
import type { Change } from '../ports/ledger.ts'
import { judgeTarget, readFiles, type SubjectFile, type Target, type Verdict } from './batch-files.ts'

const mostTries = 8

/** By the id of the wrapped key. */
type Epochs = ReadonlyMap<string, string>

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

/** One subject's part of a batch, as it was judged. */
export interface SubjectBatch {
  readonly id: SubjectId
  readonly file: SubjectFile
  readonly judged: readonly (Granted & { readonly verdict: Verdict })[]
}

/**
 * Moves the due papers of one subject to `purging` in one commit with the version of the subject that the decision rests on,
 * so that of a hold and a purge exactly one wins. The loser looks again.
 *
 * @param known as `epochsOf` gives them
 * @returns what became of each, and the subject's file as it is afterwards
 */
export async function giveUp(
  vault: Vault,
  tenant: Tenant,
  { id, file: first, judged: before }: SubjectBatch,
  known: Epochs,
  run: PurgeRunId | undefined,
): Promise<{ readonly given: readonly GivenUp[]; readonly file: SubjectFile }> {
  let [file, judged, epochs] = [first, before, known]
  for (let tries = 0; tries < mostTries; tries++) {
    const nowMs = vault.clock.nowMs()
    if (tries > 0) {
      const targets = judged.map(({ target }) => target)
      const seen = (await readFiles(vault, tenant, [id], targets)).get(id) ?? file
      file = seen
      judged = judged.map(one => ({ ...one, verdict: judgeTarget(tenant, seen, one.target, nowMs) }))
      epochs = await epochsOf(vault, judged)
    }
    const given = judged.map(({ target, grant, verdict }): GivenUp => {
      if (verdict.do === 'nothing') return { target, grant, outcome: verdict.outcome }
      const epoch = epochs.get(wrappedKeyId(verdict.document.messageId))
      return { target, grant, document: purgingOf(verdict, epoch, run, nowMs) }
    })
    const { changes, after } = changesOf(file, given)
    const [by] = judged
    if (changes.length === 0 || !by) return { given, file }
    if ((await vault.ledger.commit(by.grant, changes)).done) return { given, file: after }
  }
  return { given: judged.map(({ target, grant }) => ({ target, grant, outcome: 'changed' })), file }
}

/** The epochs of the wrapped keys of these papers that are there still. */
export function epochsOf(vault: Vault, judged: readonly { readonly verdict: Verdict }[]): Promise<Epochs> {
  const documents = judged.flatMap(({ verdict }) => (verdict.do === 'nothing' ? [] : [verdict.document]))
  return vault.wrappedKeys.epochsOf(documents.map(({ messageId }) => wrappedKeyId(messageId)))
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
function changesOf({ subject, papers }: SubjectFile, given: readonly GivenUp[]) {
  const changes: Change[] = []
  const moved = new Map(papers)
  let givesUp = false
  for (const one of given) {
    const before = 'document' in one ? papers.get(one.document.id) : undefined
    if (!before || !('document' in one) || before.version === one.document.version) continue
    givesUp ||= before.state === 'stored'
    moved.set(before.id, one.document)
    changes.push({ row: 'document', expected: before.version, put: one.document })
  }
  if (!givesUp || !subject) return { changes, after: { subject, papers: moved } }
  const put = { ...subject, version: subject.version + 1 }
  changes.push({ row: 'subject', expected: subject.version, put })
  return { changes, after: { subject: put, papers: moved } }
}
