import type { Caller } from '../domain/caller.ts'
import type { Epoch } from '../domain/epoch.ts'
import { VaultError } from '../domain/errors.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { type Beside, besideIn } from '../guards/beside.ts'
import {
  type Answered,
  answerKeyOf,
  doneAnswer,
  type Idempotency,
  isRepeated,
  keyedHash,
  recall,
} from '../guards/idempotency.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { unnoted, viewEpoch } from './list-epochs.ts'

const mostTries = 5

export interface RotationInput extends Beside {
  /** The active epoch, which another is to take the place of. */
  readonly epoch: string
  readonly idempotency: Idempotency
}

/**
 * Puts on record that two persons want a new wrapping key in the place of the active one; no key is touched here. Where the keys
 * are the vault's own its jobs carry it out, elsewhere an operator does, and it reaches every tenant that
 * shares the key. Asking again renews the decision.
 *
 * @param input.second, input.approval the second person, beside the caller or by their vote
 * @returns 202 with the epoch
 * @throws {VaultError} role.second-person, approval.* - nobody stands beside the caller, or nobody who may
 * @throws {VaultError} keys.rotating - another epoch is the active one
 * @throws {VaultError} keys.unavailable - nobody can say which one is
 * @throws {VaultError} keys.refused - it was over before, as after an old key file was put back
 * @throws {VaultError} idempotency.conflict, ledger.conflict - as everywhere
 */
export async function askRotation(vault: Vault, caller: Caller, input: RotationInput): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const key = await answerKeyOf(vault, caller, input.idempotency)
  const fingerprint = await keyedHash(vault, 'vault/rotation/1', [input.epoch])
  const [earlier, { active }] = await Promise.all([vault.ledger.findAnswer(key), vault.keyring.epochs(tenant.id)])
  const repeated = isRepeated(earlier, fingerprint, vault.clock.nowMs())
  const { grant, second } = await admit(vault, caller, {
    action: 'key.rotate',
    resource: { known: true, repeated },
    ...besideIn(input),
    target: `epoch/${input.epoch}`,
    detail: { step: 'ask', epoch: active },
    refuse: () => (earlier ? undefined : refuseRotation(active, input)),
  })
  try {
    for (let tries = 0; tries < mostTries; tries++) {
      const known = await recall(vault, tenant.id, key, fingerprint)
      if ('replay' in known) {
        await close(vault, grant, { out: 'done', why: 'replayed' })
        return known.replay
      }
      // Who stands beside a repeated request was not judged: it is told its answer, and nothing more.
      if (repeated || !second) break
      const refusal = refuseRotation(active, input)
      if (refusal) throw new VaultError(refusal.code, refusal.facts)
      const nowMs = vault.clock.nowMs()
      // The jobs begin the account of an epoch otherwise, minutes after they first see it.
      const row = (await vault.ledger.findEpoch(tenant.id, active)) ?? unnoted(tenant.id, active, nowMs)
      if (row.state !== 'active') throw new VaultError('keys.refused', { detail: 'epoch.revived' })
      const { log, index } = grant.intent
      const asked = { by: caller.id, second: second.id, atMs: nowMs, trail: { log, index } }
      const put: Epoch = { ...row, asked, version: row.version + 1 }
      // Not with the number of its keys: where there are millions, counting takes longer than a request may.
      const answer = { status: 202, location: '/v1/keys', body: JSON.stringify(viewEpoch(put, undefined, nowMs)) }
      const committed = await vault.ledger.commit(grant, [
        { row: 'epoch', expected: row.version, put },
        doneAnswer(known.claim, answer, nowMs),
      ])
      if (!committed.done) continue
      await close(vault, grant, { out: 'done', detail: { step: 'ask', epoch: active } })
      return { ...answer, replayed: false }
    }
    throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

function refuseRotation(active: string, { epoch }: RotationInput): Refusal | undefined {
  return epoch === active ? undefined : { code: 'keys.rotating', facts: { detail: 'another epoch is the active one' } }
}
