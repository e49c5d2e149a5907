import type { Caller } from '../domain/caller.ts'
import {
  blobKeyOf,
  type Document,
  type PurgedDocument,
  type PurgingDocument,
  type StoredDocument,
  wrappedKeyId,
} from '../domain/document.ts'
import type { Detail } from '../domain/entry.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import { dayIn } from '../domain/retention.ts'
import type { Tenant } from '../domain/tenant.ts'
import { abandonment } from '../guards/abandon.ts'
import { admitAll, settleAll } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import type { DestroyedMark } from '../ports/destroyed.ts'
import type { Change } from '../ports/ledger.ts'
import { bury } from './bury.ts'
import { ownersIn } from './certificate.ts'

const dayMs = 86_400_000

interface Replayed {
  readonly mark: DestroyedMark
  readonly grant: Grant<'restore.check'>
  /** As it is once no read reaches it. */
  readonly row: Document | undefined
}

/**
 * Destroys papers anew that were destroyed before a restore, each step durable before the next, in the order of a purge:
 * intents, rows out of every reader's reach, marks, wrapped keys, bodies, certificates, tombstones. What a hold of the restored
 * ledger says does not count: these papers are gone. It may be repeated after a crash.
 *
 * @param marks of one tenant, at most 256
 * @throws {VaultError} *.unavailable, storage.full - a store does not answer; do it again
 */
export async function replayMarks(
  vault: Vault,
  tenant: Tenant,
  caller: Caller,
  marks: readonly DestroyedMark[],
): Promise<void> {
  const rows = await Promise.all(marks.map(({ document }) => vault.ledger.findDocument(tenant.id, document)))
  const grants = await admitAll(
    vault,
    caller,
    marks.map(({ document, intent }, at) => ({
      action: 'restore.check' as const,
      resource: { known: true },
      document,
      ...(rows[at] ? { subject: rows[at].subject } : {}),
      detail: { log: intent.log, index: intent.index },
    })),
  )
  const replayed: Replayed[] = []
  for (const [at, mark] of marks.entries()) {
    const grant = grants[at]
    if (!grant || grant instanceof VaultError) throw grant ?? new VaultError('trail.unavailable')
    replayed.push({ mark, grant, row: await giveUp(vault, grant, rows[at]) })
  }
  const [first] = replayed
  if (!first) return
  const nowMs = vault.clock.nowMs()
  await vault.destroyed.append(
    first.grant,
    replayed.map(({ mark: { document, messageId, atMs }, grant, row }) => ({
      tenant: tenant.id,
      document,
      messageId,
      // A clock that was set back since makes nothing older than it was.
      atMs: Math.max(atMs, nowMs),
      intent: { log: grant.intent.log, index: grant.intent.index, leafHash: grant.intent.leafHash },
      ...(row === undefined || row.state === 'abandoned' ? { rowless: true as const } : {}),
    })),
  )
  await vault.wrappedKeys.destroy(
    first.grant,
    replayed.map(({ mark }) => wrappedKeyId(mark.messageId)),
  )
  await vault.blobs.deleteAll(
    first.grant,
    replayed.map(({ mark }) => blobKeyOf(mark.messageId)),
  )
  await certify(vault, tenant, replayed)
}

/** Takes the row out of every reader's reach. @returns the row as it then is */
async function giveUp(
  vault: Vault,
  grant: Grant<'restore.check'>,
  row: Document | undefined,
): Promise<Document | undefined> {
  if (row?.state === 'stored') return doom(vault, grant, row)
  if (row?.state !== 'depositing') return row
  const { abandoned, changes } = await abandonment(vault, row)
  await commit(vault, grant, changes)
  return abandoned
}

async function doom(vault: Vault, grant: Grant<'restore.check'>, row: StoredDocument): Promise<PurgingDocument> {
  const key = await vault.wrappedKeys.get(wrappedKeyId(row.messageId))
  const put: PurgingDocument = {
    ...row,
    state: 'purging',
    purgingSinceMs: vault.clock.nowMs(),
    purge: { kind: 'lapse', basis: 'restore:replayed', ...(key ? { epoch: key.epoch } : {}) },
    attempts: 0,
    version: row.version + 1,
  }
  const subject = await vault.ledger.findSubjectById(row.tenant, row.subject)
  const moved: readonly Change[] = subject
    ? [{ row: 'subject', expected: subject.version, put: { ...subject, version: subject.version + 1 } }]
    : []
  await commit(vault, grant, [{ row: 'document', expected: row.version, put }, ...moved])
  return put
}

/** An entry for each, and what is left of its row as it must be. */
async function certify(vault: Vault, tenant: Tenant, replayed: readonly Replayed[]): Promise<void> {
  await bury(
    vault,
    tenant,
    replayed.flatMap(({ row, grant, mark }) =>
      row?.state === 'purging'
        ? [{ document: row, grant, target: { document: mark.document, subject: row.subject } }]
        : [],
    ),
  )
  const others = replayed.filter(({ row }) => row?.state !== 'purging')
  if (others.length === 0) return
  const settlements = await settleAll(
    vault,
    others.map(({ grant, row }) => ({
      grant,
      outcome: {
        out: 'done',
        why: 'replayed',
        ...(row?.state === 'purged' ? { detail: certificateAnew(row, tenant) } : {}),
      },
    })),
  )
  for (const [at, { row }] of others.entries()) {
    const settlement = settlements[at]
    if (!row || !settlement) continue
    if (row.state === 'purged') {
      const put: PurgedDocument = { ...row, certificate: settlement.outcome, version: row.version + 1 }
      await commit(vault, settlement, [{ row: 'document', expected: row.version, put }])
    }
    if (row.state === 'abandoned') {
      const forget = { tenant: row.tenant, id: row.id }
      await commit(vault, settlement, [{ row: 'document', expected: row.version, forget }])
    }
  }
}

/** What the lost entry said, as far as the tombstone knows it. */
function certificateAnew(row: PurgedDocument, tenant: Tenant): Detail {
  const { type, basis, policyVersion, purgedAtMs } = row
  return {
    kind: basis.includes(':') ? 'lapse' : 'erasure',
    type,
    basis,
    ...ownersIn(row),
    dueOn: dayIn(purgedAtMs, tenant.zone),
    policyVersion,
    epoch: 'unknown',
    live: new Date(purgedAtMs).toISOString(),
    backupsBy: new Date(purgedAtMs + tenant.purge.keyBackupDays * dayMs).toISOString(),
  }
}

/** Nobody else writes while a restore is undone, so a condition that is lost is another process's doing. */
async function commit(
  vault: Vault,
  by: Parameters<Vault['ledger']['commit']>[0],
  changes: readonly Change[],
): Promise<void> {
  const committed = await vault.ledger.commit(by, changes)
  if (!committed.done) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
}
