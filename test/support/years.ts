import assert from 'node:assert/strict'
import type { DocumentId, TenantId } from '../../src/domain/ids.ts'
import { runPurgesOfAll } from '../../src/jobs/purge-turns.ts'
import { answerDeletions } from '../../src/retention/answer-deletions.ts'
import type { CallAnswer } from './call.ts'
import { type FileDesk, openFileDesk } from './file-desk.ts'
import { findingsOf } from './house-work.ts'
import type { TenantName } from './open-vault.ts'
import { recorded } from './recorded.ts'

const zone = 'Asia/Jakarta'
const noSignal = new AbortController().signal
/** Jobs are at work at least so often; a clock that leapt further is trusted by no purge. */
const longestStepMs = 30 * 86_400_000

/** One tenant's people, their platform and the jobs of a vault, over as many years as a story takes. */
export interface Years extends AsyncDisposable {
  readonly desk: FileDesk
  /** Lets time pass to three in the morning of a day in Jakarta, after the run of that night. Jobs are at work meanwhile. */
  passTo(day: string): Promise<void>
  /** Uploads a paper of each type, at a tier that is high enough. @returns their ids, in the order of the types */
  uploadAll(subject: string, types: readonly string[]): Promise<readonly DocumentId[]>
  /** Those of them that can be read; of any other the vault says that it was destroyed. */
  readable(ids: readonly DocumentId[]): Promise<readonly DocumentId[]>
  /** The certificate of a paper that is destroyed. */
  certificate(id: DocumentId): Promise<CallAnswer['json']>
  /** What the person can be told of their request to be deleted. */
  deletion(subject: string): Promise<CallAnswer['json']>
  /** Asserts that nothing was lost, orphaned or left without a record, down to the last byte. */
  assertWhole(): Promise<void>
}

const kinds: Readonly<Record<string, string>> = {
  id: 'passport',
  address: 'rental-contract',
  selfie: 'portrait',
  payment_ownership: 'bank-statement',
}

/** Three in the morning of a day in Jakarta. */
export function nightOf(day: string): number {
  return Temporal.PlainDate.from(day).toZonedDateTime({ timeZone: zone, plainTime: '03:00' }).epochMilliseconds
}

/** A vault of its own that opens on that day; where a tenant asks for a second person, its data protection officer approves every list. */
export async function openYears(tenant: TenantName, day: string): Promise<Years> {
  const desk = await openFileDesk(tenant, { startMs: nightOf(day) })
  const { clock, opened } = desk

  const approveLists = async (): Promise<void> => {
    const runs = (await desk.ask('dpo', 'GET', '/v1/purge-runs')).json.items
    for (const { id, state, planHash } of runs) {
      if (state !== 'planned') continue
      const approved = await desk.post('dpo', `/v1/purge-runs/${id}/approval`, { planHash })
      assert.equal(approved.status, 200, JSON.stringify(approved.json))
    }
  }
  const turn = async (): Promise<void> => {
    await runPurgesOfAll(opened.vault, noSignal)
    if (opened.vault.tenants.get(tenant as TenantId)?.purge.approval) {
      await approveLists()
      await runPurgesOfAll(opened.vault, noSignal)
    }
    await answerDeletions(opened.vault, tenant as TenantId, noSignal)
  }
  await turn()
  const look = (id: DocumentId) =>
    desk.ask('senior-reviewer', 'GET', `/v1/documents/${id}/content`, {
      headers: { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' },
    })
  return {
    desk,
    passTo: async to => {
      const untilMs = nightOf(to)
      assert.ok(untilMs > clock.nowMs(), 'time passes in one direction')
      while (clock.nowMs() < untilMs) {
        clock.advance(Math.min(longestStepMs, untilMs - clock.nowMs()))
        await turn()
      }
    },
    uploadAll: async (subject, types) => {
      await desk.tell(subject, 'tier', { tier: 2 })
      const ids: DocumentId[] = []
      for (const type of types) ids.push(await desk.upload(subject, type, kinds[type]))
      return ids
    },
    readable: async ids => {
      const found: DocumentId[] = []
      for (const id of ids) {
        const { status, json } = await look(id)
        if (status === 200) found.push(id)
        else assert.deepEqual([status, json.code], [410, 'document.purged'])
      }
      return found
    },
    certificate: async id => {
      const { status, json } = await desk.ask('dpo', 'GET', `/v1/documents/${id}/certificate`)
      assert.equal(status, 200, JSON.stringify(json))
      return json
    },
    deletion: async subject => (await desk.ask('dpo', 'GET', `/v1/subjects/${subject}`)).json.deletion,
    assertWhole: async () => {
      assert.deepEqual(await findingsOf(opened.vault), [])
      const open = (await recorded(opened.vault, tenant)).filter(({ out }) => out === 'error')
      assert.deepEqual(open, [])
    },
    [Symbol.asyncDispose]: () => desk[Symbol.asyncDispose](),
  }
}
