import type { Caller } from '../domain/caller.ts'
import { isOwnOf, type PurgedDocument } from '../domain/document.ts'
import { type Entry, parseEntry } from '../domain/entry.ts'
import { VaultError } from '../domain/errors.ts'
import type { DocumentId } from '../domain/ids.ts'
import type { Action } from '../domain/permission.ts'
import { type CertificateView, viewEpoch, viewHorizon } from '../domain/purge-view.ts'
import { isVisible } from '../domain/view.ts'
import { observe } from '../guards/admit.ts'
import { entriesOf } from '../guards/entry-bundle.ts'
import { epochEndOf } from '../guards/epoch-end.ts'
import { leafHash } from '../guards/merkle.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

/**
 * The certificate of a destroyed paper: what its entry in the trail says, joined with what has come to pass since.
 *
 * @throws {VaultError} document.unknown - this tenant has no such document
 * @throws {VaultError} document.not-destroyed - it is kept, or its destruction is under way
 * @throws {VaultError} trail.diverged - the tombstone names an entry that is no certificate of this paper
 */
export async function readCertificate(
  vault: Vault,
  caller: Caller,
  { id }: { readonly id: DocumentId },
): Promise<CertificateView> {
  const tenant = tenantOf(vault, caller)
  const found = await vault.ledger.findDocument(tenant.id, id)
  const document = isVisible(found) ? found : undefined
  await observe(vault, caller, {
    action: 'document.describe',
    resource: {
      known: document !== undefined,
      unknownCode: 'document.unknown',
      own: document !== undefined && isOwnOf(document, caller.id),
      // Whatever is destroyed was due before.
      due: document?.state === 'purged',
    },
    document: id,
    ...(document ? { subject: document.subject } : {}),
    detail: { certificate: true },
  })
  if (!document) throw new VaultError('document.unknown')
  if (document.state !== 'purged') throw new VaultError('document.not-destroyed')
  const { entry, leaf } = await entryOf(vault, document)
  const epoch = textIn(entry, 'epoch')
  const end = await epochEndOf(vault, tenant.id, epoch)
  return viewOf(
    document,
    entry,
    { ...document.certificate, leafHash: leaf },
    viewEpoch(epoch, end, vault.clock.nowMs()),
    vault.clock.nowMs(),
  )
}

function viewOf(
  document: PurgedDocument,
  entry: Entry,
  trail: CertificateView['trail'],
  epoch: CertificateView['epoch'],
  nowMs: number,
): CertificateView {
  const live = viewHorizon(textIn(entry, 'live'), nowMs)
  const backups = viewHorizon(textIn(entry, 'backupsBy'), nowMs)
  const run = entry.det?.run
  return {
    document: document.id,
    subject: document.subject,
    type: document.type,
    kind: entry.det?.kind === 'erasure' ? 'erasure' : 'lapse',
    basis: document.basis,
    dueOn: textIn(entry, 'dueOn'),
    policyVersion: Number(entry.det?.policyVersion),
    storedAt: new Date(document.storedAtMs).toISOString(),
    ...(document.closedAtMs === undefined ? {} : { closedAt: new Date(document.closedAtMs).toISOString() }),
    destroyedAt: new Date(document.purgedAtMs).toISOString(),
    ...(typeof run === 'string' ? { run } : {}),
    state: live.passed && backups.passed && epoch.retired?.passed ? 'final' : 'pending',
    live,
    backups,
    epoch,
    trail,
  }
}

/** A restored backup had brought the paper back where it is the latter. */
const certifying: ReadonlySet<string> = new Set<Action>(['purge.execute', 'restore.check'])

async function entryOf({ batches }: Vault, { id, certificate }: PurgedDocument) {
  const batch = await batches.holding(certificate.log, certificate.index)
  const bytes = batch && entriesOf(batch.entries)[certificate.index - batch.first]
  const entry = bytes && parseEntry(bytes)
  if (!bytes || !entry || !certifying.has(entry.act) || entry.out !== 'done' || entry.doc !== id) {
    throw new VaultError('trail.diverged', { detail: 'certificate' })
  }
  return { entry, leaf: Buffer.from(leafHash(bytes)).toString('base64url') }
}

function textIn({ det }: Entry, name: string): string {
  const value = det?.[name]
  if (typeof value !== 'string') throw new VaultError('trail.diverged', { detail: 'certificate' })
  return value
}
