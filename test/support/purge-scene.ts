import { cpSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CaseReference, DocumentId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { eraseDocument } from '../../src/retention/erase-document.ts'
import { placeHold } from '../../src/retention/place-hold.ts'
import { runPurges } from '../../src/retention/run-purges.ts'
import { callerAs } from './house-work.ts'
import { bornMs, dayMs, store, tell } from './purge-work.ts'
import { SteppedClock } from './stepped-clock.ts'
import { configIn, newVaultFolder, openWrapped, type VaultFolder } from './vault-folder.ts'

/** Its plans need no approval, and it promised to hold papers for legal orders. */
export const sceneTenant = 'nomor-keluar' as TenantId
/** The purge was here last, and found nothing: seven years are not quite over. */
const beforeMs = Date.UTC(2033, 0, 5)
/** Everything that is closed on the first day is due here. */
export const dueMs = beforeMs + 20 * dayMs

/** The papers of a vault in which a purge has everything to do that it can have. */
export interface ScenePapers {
  readonly due: readonly DocumentId[]
  readonly erased: DocumentId
  readonly held: DocumentId
  readonly open: DocumentId
}

/** A folder with that vault in it, closed; `copyOf` makes as many as a test needs. */
export async function newPurgeScene(): Promise<{ readonly folder: VaultFolder; readonly papers: ScenePapers }> {
  const folder = await newVaultFolder()
  const clock = new SteppedClock(bornMs)
  await using opened = await openWrapped(folder.config, { clock })
  const { vault } = opened
  const due = [
    await store(vault, sceneTenant, 'due-1', 1),
    await store(vault, sceneTenant, 'due-1', 2, 'address'),
    await store(vault, sceneTenant, 'due-2', 3),
  ]
  const [erased, held, open] = [
    await store(vault, sceneTenant, 'erased', 4),
    await store(vault, sceneTenant, 'held', 5),
    await store(vault, sceneTenant, 'open', 6),
  ]
  for (const person of ['due-1', 'due-2', 'erased', 'held']) {
    await tell(vault, sceneTenant, person, { type: 'closed', atMs: bornMs })
  }
  clock.step(beforeMs - bornMs)
  await purgeTurn(vault)
  await placeHold(vault, callerAs('legal', 'legal', sceneTenant), {
    reference: 'held' as SubjectReference,
    kind: 'legal_order',
    case: 'ORDER-1' as CaseReference,
    idempotency: { scope: 'POST /v1/holds', key: 'hold' },
  })
  await eraseDocument(vault, callerAs('dpo', 'dpo', sceneTenant), {
    id: erased,
    why: 'court-order',
    reason: { purpose: 'legal', case: 'ORDER-2' as CaseReference },
    second: callerAs('legal', 'legal', sceneTenant),
    idempotency: { scope: `POST /v1/documents/${erased}/erasure`, key: 'erase' },
  })
  return { folder, papers: { due, erased, held, open } }
}

/** The same vault once more, to be spoilt. */
export async function copyOf({ folder }: VaultFolder): Promise<VaultFolder> {
  const copy = await mkdtemp(join(tmpdir(), 'vault-purge-'))
  cpSync(folder, copy, { recursive: true, preserveTimestamps: true })
  return {
    folder: copy,
    config: configIn(copy),
    [Symbol.asyncDispose]: () => rm(copy, { recursive: true, force: true }),
  }
}

/** One turn of the purge, with a schedule whose time has always come. */
export function purgeTurn(vault: Vault): Promise<number> {
  const tenant = vault.tenants.get(sceneTenant)
  if (!tenant) throw new Error('no such tenant')
  return runPurges(vault, tenant, { signal: new AbortController().signal, nextAfter: ms => ms + 1 })
}
