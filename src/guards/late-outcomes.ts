import type { EntryDraft } from '../domain/entry.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { Vault } from './vault.ts'

type Trailed = Pick<Vault, 'trail' | 'log' | 'clock'>

/** An outcome that waits for its trail, with what makes it try at once and for the last time. */
interface Waiting {
  readonly hurry: AbortController
  readonly ended: Promise<void>
}
/** Of each vault, which has one log, while the trail may be seen through a wrapper. */
const waiting = new WeakMap<Vault['log'], Set<Waiting>>()
const pausesMs = [500, 5_000]

/** @returns whether the outcome is on record; never throws, since its effect has happened or failed already */
export async function appendOutcome({ trail, log }: Pick<Vault, 'trail' | 'log'>, draft: EntryDraft): Promise<boolean> {
  try {
    await trail.append([draft])
    return true
  } catch (error) {
    log.warn('outcome not appended', { code: error instanceof VaultError ? error.code : 'unexpected' })
    return false
  }
}

/** Tries twice more, behind the caller's back. */
export function appendLater(vault: Trailed, grant: Grant, draft: EntryDraft): void {
  const ofVault = waiting.getOrInsertComputed(vault.log, () => new Set())
  const hurry = new AbortController()
  const one = { hurry, ended: tryLater(vault, grant, draft, hurry.signal).finally(() => ofVault.delete(one)) }
  ofVault.add(one)
}

async function tryLater(vault: Trailed, grant: Grant, draft: EntryDraft, hurry: AbortSignal): Promise<void> {
  for (const pauseMs of pausesMs) {
    // A hurried sleep ends in a rejection, which says nothing else.
    if (!hurry.aborted) await Promise.allSettled([vault.clock.sleep(pauseMs, hurry)])
    if (await appendOutcome(vault, draft)) return
    if (hurry.aborted) break
  }
  vault.log.error('outcome not on record', { log: grant.intent.log, index: grant.intent.index })
}

/** Before the trail is closed: every outcome that still waits for it is tried at once, and no more after this resolves. */
export async function closePending({ log }: Pick<Vault, 'log'>): Promise<void> {
  const all = [...(waiting.get(log) ?? [])]
  for (const { hurry } of all) hurry.abort()
  await Promise.all(all.map(({ ended }) => ended))
}
