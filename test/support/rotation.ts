import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { askRotation } from '../../src/access/ask-rotation.ts'
import type { Caller } from '../../src/domain/caller.ts'
import { type StoredDocument, wrappedKeyId } from '../../src/domain/document.ts'
import type { Epoch } from '../../src/domain/epoch.ts'
import type { DocumentId, TenantId } from '../../src/domain/ids.ts'
import type { Vault } from '../../src/guards/vault.ts'
import type { Ports } from '../../src/ports/ports.ts'
import type { WrappedKey } from '../../src/ports/wrapped-keys.ts'
import { beginAsked, type RotatedKey } from '../../src/upkeep/begin-asked.ts'
import { noteEpochs } from '../../src/upkeep/note-epochs.ts'
import { callerAs, noisePicture, normalised, storePaper, tenantId } from './house-work.ts'
import { ManualClock } from './manual-clock.ts'
import { newVaultFolder, openWrapped } from './vault-folder.ts'

export interface RotationScene extends AsyncDisposable {
  readonly vault: Vault
  readonly ports: Ports
  readonly clock: ManualClock
  readonly folder: string
  readonly ids: readonly DocumentId[]
  readonly kept: Buffer
  readonly epochs: () => Promise<readonly Epoch[]>
}

/** A vault with some papers of one tenant under `docs/1`. */
export async function rotationScene(papers: number): Promise<RotationScene> {
  const stack = new AsyncDisposableStack()
  const { folder, config } = stack.use(await newVaultFolder())
  const clock = new ManualClock(Date.now())
  const { vault, ports } = stack.use(await openWrapped(config, { clock }))
  const picture = await noisePicture(1, 64)
  const ids: DocumentId[] = []
  for (let at = 0; at < papers; at++) ids.push(await storePaper(vault, picture))
  return {
    vault,
    ports,
    clock,
    folder,
    ids,
    kept: await normalised(vault, picture),
    epochs: () => vault.ledger.listEpochs(tenantId),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Two persons ask for a new epoch, and it is begun at once. */
export async function rotateKey(
  vault: Vault,
  caller: Caller,
  input: { readonly second?: Caller },
): Promise<RotatedKey> {
  const tenant = caller.tenant as TenantId
  const { active: epoch } = await vault.keyring.epochs(tenant)
  const idempotency = { scope: 'POST /v1/keys/rotations', key: randomUUID() }
  await askRotation(vault, caller, { ...input, epoch, idempotency })
  const begun = await beginAsked(vault, tenant, await noteEpochs(vault, tenant))
  assert.ok(begun)
  return begun
}

/** The same by two persons who may. */
export const rotate = (vault: Vault) =>
  rotateKey(vault, callerAs('dpo', 'officer'), { second: callerAs('admin', 'other') })

export async function storedOf(vault: Vault, id: DocumentId): Promise<StoredDocument> {
  const document = await vault.ledger.findDocument(tenantId, id)
  assert.ok(document?.state === 'stored')
  return document
}

export async function keyOf(vault: Vault, id: DocumentId): Promise<WrappedKey> {
  const key = await vault.wrappedKeys.get(wrappedKeyId((await storedOf(vault, id)).messageId))
  assert.ok(key)
  return key
}
