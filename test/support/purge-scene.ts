import { cpSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CaseReference, DocumentId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import type { PaperType } from '../../src/domain/media.ts'
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
export const beforeMs = Date.UTC(2033, 0, 5)
/** Everything that is closed on the first day is due here. */
export const dueMs = beforeMs + 20 * dayMs
/** Scenes of one vault lie so far apart that none is due with another. */
export const sceneApartMs = 30 * dayMs

/** The papers of a vault in which a purge has everything to do that it can have. */
export interface ScenePapers {
  /** Of the persons, in the order in which they are named below. */
  readonly due: readonly DocumentId[]
  readonly erased: DocumentId
  readonly held: DocumentId
  readonly open: DocumentId
  /** Which scene of its vault it is, from 0. */
  readonly nth: number
}

/** A folder with that vault in it, closed; `copyOf` makes as many as a test needs. */
export async function newPurgeScene(): Promise<{ readonly folder: VaultFolder; readonly papers: ScenePapers }> {
  const folder = await newVaultFolder()
  const clock = new SteppedClock(bornMs)
  await using opened = await openWrapped(folder.config, { clock })
  const { vault } = opened
  const papers = await layPapers(vault)
  clock.step(beforeMs - bornMs)
  await purgeTurn(vault)
  await fileOrders(vault, papers)
  return { folder, papers }
}

/** A person of a scene: the first scene has the bare names. */
export function personOf({ nth }: Pick<ScenePapers, 'nth'>, name: string): SubjectReference {
  return (nth === 0 ? name : `${name}-of-${nth}`) as SubjectReference
}

/** Papers of persons whose accounts close at the vault's time, but for one. */
export async function layPapers(vault: Vault, nth = 0): Promise<ScenePapers> {
  const keep = (person: string, seed: number, type?: PaperType) =>
    store(vault, sceneTenant, personOf({ nth }, person), nth * 10 + seed, type)
  const keepBoth = async () => [await keep('due-1', 1), await keep('due-1', 2, 'address')]
  const [both, other, erased, held, open] = await Promise.all([
    keepBoth(),
    keep('due-2', 3),
    keep('erased', 4),
    keep('held', 5),
    keep('open', 6),
  ])
  const closed = { type: 'closed', atMs: vault.clock.nowMs() } as const
  const leaving = ['due-1', 'due-2', 'erased', 'held'].map(person => personOf({ nth }, person))
  await Promise.all(leaving.map(person => tell(vault, sceneTenant, person, closed)))
  return { due: [...both, other], erased, held, open, nth }
}

/** One paper is held for a legal order, and one is given up by two people. */
export async function fileOrders(vault: Vault, papers: ScenePapers): Promise<void> {
  const { erased, nth } = papers
  await placeHold(vault, callerAs('legal', 'legal', sceneTenant), {
    reference: personOf(papers, 'held'),
    kind: 'legal_order',
    case: 'ORDER-1' as CaseReference,
    idempotency: { scope: 'POST /v1/holds', key: `hold-${nth}` },
  })
  await eraseDocument(vault, callerAs('dpo', 'dpo', sceneTenant), {
    id: erased,
    why: 'court-order',
    reason: { purpose: 'legal', case: 'ORDER-2' as CaseReference },
    second: callerAs('legal', 'legal', sceneTenant),
    idempotency: { scope: `POST /v1/documents/${erased}/erasure`, key: 'erase' },
  })
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
