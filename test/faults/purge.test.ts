import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { VaultError } from '../../src/domain/errors.ts'
import type { CaseReference, SubjectReference } from '../../src/domain/ids.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { placeHold } from '../../src/retention/place-hold.ts'
import { Faults, type PortCall, watchPorts } from '../support/failing-ports.ts'
import { callerAs, findingsOf, readPaper } from '../support/house-work.ts'
import { isSomewhere } from '../support/is-somewhere.ts'
import { effects, purgeChild, requireDone, takeOver } from '../support/purge-judge.ts'
import { copyOf, dueMs, newPurgeScene, purgeTurn, type ScenePapers, sceneTenant } from '../support/purge-scene.ts'
import { tell } from '../support/purge-work.ts'
import { SteppedClock } from '../support/stepped-clock.ts'
import { environmentIn, openWrapped, type VaultFolder } from '../support/vault-folder.ts'

const reader = callerAs('senior-reviewer', 'reader', sceneTenant)

suite('a purge that is disturbed at any point', { concurrency: false }, () => {
  let scene: { readonly folder: VaultFolder; readonly papers: ScenePapers }
  before(async () => {
    scene = await newPurgeScene()
  })
  after(() => scene.folder[Symbol.asyncDispose]())

  test('killed after any effect, it is finished by another process once its lease has ended, and nothing else is lost', async () => {
    await using whole = await copyOf(scene.folder)
    const { calls } = await purgeChild(environmentIn(whole.folder), 0, dueMs)
    let kills = 0
    for (const [index, call] of calls.entries()) {
      // Only what has an effect can leave something half done; before the first nothing has happened.
      if (index > 0 && !effects.has(call)) continue
      await using folder = await copyOf(scene.folder)
      const what = `killed at call ${index + 1}, ${call}`
      const killed = await purgeChild(environmentIn(folder.folder), index + 1, dueMs)
      assert.equal(killed.signal, 'SIGKILL', what)
      const clock = new SteppedClock(dueMs)
      await using open = await openWrapped(folder.config, { clock, instance: 'next' })
      await takeOver(open.vault, clock, killed, what)
      await requireDone(open.vault, scene.papers, what)
      kills++
    }
    assert.ok(kills > 20, `${kills} kills`)
  })

  test('with any port call failing once, it is finished by the next turn, and nothing else is lost', async () => {
    const faults = new Faults()
    const calls = await withCopy(scene.folder, faults, vault => faults.record(() => purgeTurn(vault)))
    for (const [index, { name, at }] of calls.entries()) {
      await withCopy(scene.folder, faults, async vault => {
        await faults.during(
          (_: PortCall, n: number) => n === index + 1,
          () => purgeTurn(vault),
        )
        for (let turns = 0; turns < 2; turns++) await purgeTurn(vault)
        await requireDone(vault, scene.papers, `${name} failing ${at}, call ${index + 1}`)
      })
    }
  })

  test('a hold that comes at any point is in force for a paper that stays, or is told that it came too late', async () => {
    const wins = { hold: 0, purge: 0 }
    await atEachCall(scene.folder, async (vault, what) => {
      const told = await hold(vault).catch((error: unknown) => error)
      return async () => {
        const papers = await Promise.all(
          scene.papers.due.slice(0, 2).map(id => vault.ledger.findDocument(sceneTenant, id)),
        )
        if (told instanceof Error) {
          assert.ok(
            told instanceof VaultError && ['hold.too-late', 'document.purged', 'subject.unknown'].includes(told.code),
            what,
          )
          assert.deepEqual(
            papers.map(paper => paper?.state),
            ['purged', 'purged'],
            what,
          )
          wins.purge++
        } else {
          assert.deepEqual(
            papers.map(paper => paper?.state),
            ['stored', 'stored'],
            what,
          )
          for (const id of scene.papers.due.slice(0, 2))
            assert.ok((await readPaper(vault, id, { caller: reader })).length > 0)
          wins.hold++
        }
      }
    })
    assert.ok(wins.hold > 10 && wins.purge > 10, JSON.stringify(wins))
  })

  test('an account that is reopened at any point keeps every paper that was not given up by then', async () => {
    const kept = { stored: 0, purged: 0 }
    await atEachCall(scene.folder, async (vault, what) => {
      await tell(vault, sceneTenant, 'due-2', { type: 'reopened', atMs: dueMs })
      const [, , id] = scene.papers.due
      if (!id) return async () => undefined
      const then = await vault.ledger.findDocument(sceneTenant, id)
      return async () => {
        const paper = await vault.ledger.findDocument(sceneTenant, id)
        const expected = then?.state === 'stored' ? 'stored' : 'purged'
        assert.equal(paper?.state, expected, what)
        kept[expected]++
        const person = await vault.ledger.findSubject(sceneTenant, 'due-2' as SubjectReference)
        assert.ok(person, `${what}: an open account keeps its row`)
      }
    })
    assert.ok(kept.stored > 10 && kept.purged > 10, JSON.stringify(kept))
  })

  test('the bytes of a destroyed key are in no file of the vault', async () => {
    await using folder = await copyOf(scene.folder)
    await using open = await openWrapped(folder.config, { clock: new SteppedClock(dueMs) })
    const { vault } = open
    const keys = await vault.wrappedKeys.list({ limit: 100 })
    const doomed = keys.filter(({ document }) => [...scene.papers.due, scene.papers.erased].some(id => id === document))
    assert.equal(doomed.length, 4)
    assert.ok(doomed.every(({ edks }) => edks.every(({ blob }) => isSomewhere(folder.folder, blob))))
    await purgeTurn(vault)
    for (const { edks } of doomed) for (const { blob } of edks) assert.equal(isSomewhere(folder.folder, blob), false)
    const left = keys.filter(key => !doomed.includes(key))
    assert.ok(left.every(({ edks }) => edks.every(({ blob }) => isSomewhere(folder.folder, blob))))
  })

  function hold(vault: Vault): Promise<unknown> {
    return placeHold(vault, callerAs('legal', 'legal', sceneTenant), {
      reference: 'due-1' as SubjectReference,
      kind: 'legal_order',
      case: 'ORDER-9' as CaseReference,
      idempotency: { scope: 'POST /v1/holds', key: 'race' },
    })
  }
})

async function withCopy<Result>(
  folder: VaultFolder,
  faults: Faults,
  work: (vault: Vault) => Promise<Result>,
): Promise<Result> {
  await using copy = await copyOf(folder)
  await using open = await openWrapped(copy.config, {
    clock: new SteppedClock(dueMs),
    wrap: ports => watchPorts(ports, faults.at),
  })
  return await work(open.vault)
}

/** Something else happens at one call of the purge, at each in turn; afterwards it is judged, with the whole house. */
async function atEachCall(
  folder: VaultFolder,
  happens: (vault: Vault, what: string) => Promise<() => Promise<void>>,
): Promise<void> {
  for (let n = 1; ; n++) {
    await using copy = await copyOf(folder)
    let calls = 0
    let judge: (() => Promise<void>) | undefined
    let busy = false
    await using open = await openWrapped(copy.config, {
      clock: new SteppedClock(dueMs),
      wrap: ports =>
        watchPorts(ports, async ({ port, name, at }) => {
          // Whatever happens needs the trail, which waits for this call where it is the trail's own.
          if (busy || at !== 'before' || port === 'batches' || ++calls !== n) return
          busy = true
          judge = await happens(open.vault, `at call ${n}, ${name}`)
          busy = false
        }),
    })
    await purgeTurn(open.vault)
    if (!judge) return
    calls = Number.NaN
    await purgeTurn(open.vault)
    await judge()
    assert.deepEqual(await findingsOf(open.vault), [], `at call ${n}`)
  }
}
