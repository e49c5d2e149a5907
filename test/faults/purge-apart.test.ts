import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { DocumentId } from '../../src/domain/ids.ts'
import { purgeLimits } from '../../src/domain/purge-run.ts'
import type { Vault } from '../../src/guards/vault.ts'
import type { Change } from '../../src/ports/ledger.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { requestPlan } from '../../src/retention/plan-purge.ts'
import { purgeFigures } from '../../src/retention/purge-figures.ts'
import { requestPurge } from '../../src/retention/request-purge.ts'
import { callerAs, findingsOf } from '../support/house-work.ts'
import { copyOf, dueMs, newPurgeScene, purgeTurn, sceneTenant } from '../support/purge-scene.ts'
import { SteppedClock } from '../support/stepped-clock.ts'
import { openWrapped } from '../support/vault-folder.ts'

/** Whether a call of the ledger is about the one person whose rows cannot be read or written. */
type Spoilt = (about: { readonly document: DocumentId; readonly subject: string }, args: readonly unknown[]) => boolean

const isCommitTo =
  (state: string): Spoilt =>
  ({ document }, [, changes]) =>
    (changes as readonly Change[]).some(
      change =>
        change.row === 'document' && 'put' in change && change.put.id === document && change.put.state === state,
    )

const rows: readonly (readonly [says: string, method: string, spoilt: Spoilt])[] = [
  ['whose row cannot be read', 'findSubjects', ({ subject }, [, of]) => (of as readonly string[]).includes(subject)],
  [
    'whose papers cannot be read',
    'liveDocumentsOf',
    ({ subject }, [, of]) => (of as readonly string[]).includes(subject),
  ],
  ['whose review cannot be read', 'reviewsOf', ({ document }, [, of]) => (of as readonly string[]).includes(document)],
  ['whose paper cannot be given up', 'commit', isCommitTo('purging')],
  ['whose tombstone cannot be put', 'commit', isCommitTo('purged')],
]

suite('one person never keeps the papers of others', { concurrency: false }, () => {
  let scene: Awaited<ReturnType<typeof newPurgeScene>>
  before(async () => {
    scene = await newPurgeScene()
  })
  after(() => scene.folder[Symbol.asyncDispose]())

  for (const which of ['due', 'erased'] as const) {
    for (const [says, method, spoilt] of rows) {
      test(`${which}, ${says}: everybody else's are destroyed, and theirs once they can be`, async () => {
        const { due, erased } = scene.papers
        const document = which === 'erased' ? erased : (due[2] ?? assert.fail())
        const others = [...due, erased].filter(id => id !== document)
        await using copy = await copyOf(scene.folder)
        const clock = new SteppedClock(dueMs)
        let about: Parameters<Spoilt>[0] | undefined
        await using open = await openWrapped(copy.config, {
          clock,
          wrap: ports => spoiling(ports, method, args => about !== undefined && spoilt(about, args)),
        })
        const { vault } = open
        const row = (await vault.ledger.findDocument(sceneTenant, document)) ?? assert.fail()
        about = { document, subject: row.subject }
        for (let turns = 0; turns < 2 * purgeLimits.mostAttempts; turns++) {
          clock.step(60_000)
          await purgeTurn(vault)
        }
        for (const id of others) assert.equal((await vault.ledger.findDocument(sceneTenant, id))?.state, 'purged')
        const tenant = vault.tenants.get(sceneTenant) ?? assert.fail()
        const { due: stillDue, purging } = await purgeFigures(vault, tenant)
        const left = (await vault.ledger.findDocument(sceneTenant, document))?.state
        assert.ok(left === 'purged' || stillDue + purging > 0, `${left} is counted`)
        about = undefined
        await planAnew(vault, clock)
        assert.equal((await vault.ledger.findDocument(sceneTenant, document))?.state, 'purged')
        assert.deepEqual(await findingsOf(vault), [])
      })
    }
  }
})

function spoiling(ports: Ports, method: string, isSpoilt: (args: readonly unknown[]) => boolean): Ports {
  const ledger = new Proxy(ports.ledger, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return async (...args: readonly unknown[]) => {
        if (name === method && isSpoilt(args)) throw new Error('spoilt')
        return Reflect.apply(value, target, args) as unknown
      }
    },
  })
  return { ...ports, ledger }
}

/** A person's plan takes up what failed too often. */
async function planAnew(vault: Vault, clock: SteppedClock): Promise<void> {
  clock.step(60_000)
  const idempotency = { scope: 'POST /v1/purge-runs', key: 'anew' }
  const signal = new AbortController().signal
  const { body } = await requestPlan(vault, callerAs('dpo', 'dpo', sceneTenant), { signal, idempotency })
  const { planHash } = JSON.parse(body)
  await requestPurge(vault, callerAs('purge', 'keeper', sceneTenant), {
    planHash,
    idempotency: { ...idempotency, key: 'execute' },
  })
  await purgeTurn(vault)
}
