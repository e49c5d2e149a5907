import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { DocumentId } from '../../src/domain/ids.ts'
import { epochEndOf } from '../../src/guards/epoch-end.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { confirmClock } from '../../src/retention/confirm-clock.ts'
import { reckonDue } from '../../src/retention/reckon-due.ts'
import { continueEpochs } from '../../src/upkeep/continue-epochs.ts'
import { advanceEpochs } from '../../src/upkeep/epochs.ts'
import type { RewrapProgress } from '../../src/upkeep/rewrap.ts'
import { callerAs, findingsOf, noisePicture, readPaper, storePaper, tenantId } from '../support/house-work.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { keyOf, rotate, rotateKey, rotationScene, storedOf } from '../support/rotation.ts'
import { everyEntry } from '../support/trail-lines.ts'

const minuteMs = 60_000
const dayMs = 24 * 3_600_000
const never = new AbortController().signal
const all = { signal: never, retire: true }

suite('an epoch of the key file, from its flip to its end', () => {
  test('every key is wrapped anew, every paper opens, bodies and rows are untouched, and all of it holds together', async () => {
    await using at = await rotationScene(5)
    const { vault } = at
    const before = await Promise.all(at.ids.map(id => storedOf(vault, id)))
    const bodies = await Promise.all(before.map(({ blobKey }) => readFile(join(at.folder, 'data/blobs', blobKey))))
    const { from, to } = await rotate(vault)
    assert.deepEqual([from, to], ['docs/1', 'docs/2'])
    const progress: RewrapProgress[] = []
    await advanceEpochs(vault, tenantId, { ...all, onProgress: one => progress.push(one) })
    assert.deepEqual(progress.at(-1), { tenant: tenantId, from, to, count: 5, total: 5 })
    for (const id of at.ids) {
      assert.equal((await keyOf(vault, id)).epoch, to)
      assert.deepEqual(await readPaper(vault, id), at.kept)
    }
    assert.deepEqual(await Promise.all(at.ids.map(id => storedOf(vault, id))), before)
    for (const [index, { blobKey }] of before.entries()) {
      assert.deepEqual(await readFile(join(at.folder, 'data/blobs', blobKey)), bodies[index])
    }
    assert.deepEqual(await findingsOf(vault), [])
  })

  test('after the flip a key of the old epoch is refused, and a new paper is under the new one', async () => {
    await using at = await rotationScene(1)
    const { vault, ports } = at
    const old = await ports.keyring.newDataKey(rawGrant, { fmt: '1', purpose: 'document', tenant: tenantId })
    await rotate(vault)
    await advanceEpochs(vault, tenantId, all)
    const late = { id: `doc/${'0'.repeat(64)}`, tenant: tenantId, document: 'd', createdAtMs: 1, ...old }
    const { facts } = await refused(ports.wrappedKeys.put(rawGrant, late), 'keys.unavailable')
    assert.equal(facts.detail, 'epoch.closed')
    const id = await storePaper(vault, await noisePicture(2))
    assert.equal((await keyOf(vault, id)).epoch, 'docs/2')
  })

  test('the key ends after two proofs, each step on record; until then the end is pending for certificates', async () => {
    await using at = await rotationScene(2)
    const { vault, clock } = at
    await continueEpochs(vault, all)
    await rotate(vault)
    const states = async () => (await at.epochs()).map(({ epoch, state }) => `${epoch} ${state}`)
    await continueEpochs(vault, all)
    assert.deepEqual(await states(), ['docs/1 former', 'docs/2 active'])
    clock.advance(9 * minuteMs)
    await continueEpochs(vault, all)
    assert.deepEqual(await states(), ['docs/1 former', 'docs/2 active'], 'the first proof is not due')
    clock.advance(minuteMs)
    await continueEpochs(vault, all)
    await continueEpochs(vault, all)
    assert.deepEqual(await states(), ['docs/1 disabled', 'docs/2 active'], 'once all tenants have proved it')
    assert.deepEqual(await epochEndOf(vault, tenantId, 'docs/1'), { state: 'pending' })
    clock.advance(dayMs - minuteMs)
    await continueEpochs(vault, all)
    assert.deepEqual(await states(), ['docs/1 disabled', 'docs/2 active'], 'the second proof is not due')
    clock.advance(minuteMs)
    await continueEpochs(vault, all)
    assert.deepEqual(await states(), ['docs/1 ended', 'docs/2 active'])
    const end = await epochEndOf(vault, tenantId, 'docs/1')
    assert.ok(end.state === 'retired' && end.fromMs === clock.nowMs())
    assert.deepEqual(await epochEndOf(vault, tenantId, 'docs/2'), { state: 'pending' })
    const steps: string[] = []
    for await (const { act, ten, det } of everyEntry(vault)) {
      if (act === 'key.retired' && ten === tenantId)
        steps.push([det?.epoch, det?.step, det?.from].filter(Boolean).map(String).join(' '))
    }
    const from = new Date(end.fromMs).toISOString()
    assert.deepEqual(steps, ['docs/1 proved', 'docs/1 disabled', `docs/1 ended ${from}`])
    assert.ok(!(await readFile(join(at.folder, 'keys/keyring.json'), 'utf8')).includes('"disabled"'))
    for (const id of at.ids) assert.deepEqual(await readPaper(vault, id), at.kept)
    assert.deepEqual(await findingsOf(vault), [])
    assert.equal(await continueEpochs(vault, all), 0, 'nothing is left to do')
  })

  test('by a clock that leapt no waiting ends; once two people of each platform say that it is right, the end comes', async () => {
    await using at = await rotationScene(1)
    const { vault, clock } = at
    await rotate(vault)
    for (const tenant of vault.tenants.values()) await reckonDue(vault, tenant, { signal: never })
    await continueEpochs(vault, all)
    const states = async () => (await at.epochs()).map(({ epoch, state }) => `${epoch} ${state}`)
    clock.advance(40 * dayMs)
    await continueEpochs(vault, all)
    assert.deepEqual(await states(), ['docs/1 former', 'docs/2 active'], 'no proof, and no disabling')
    clock.advance(10 * minuteMs - 40 * dayMs)
    for (let turn = 0; turn < 2; turn++) await continueEpochs(vault, all)
    assert.deepEqual(await states(), ['docs/1 disabled', 'docs/2 active'])
    clock.advance(40 * dayMs)
    await continueEpochs(vault, all)
    assert.deepEqual(await states(), ['docs/1 disabled', 'docs/2 active'])
    for (const tenant of vault.tenants.keys()) {
      await confirmClock(vault, callerAs('dpo', 'dpo', tenant), { second: callerAs('dpo', 'dpo-2', tenant) })
    }
    await continueEpochs(vault, all)
    assert.deepEqual(await states(), ['docs/1 ended', 'docs/2 active'])
  })

  test('of two epochs in a row the later one’s end counts for whoever was under both', async () => {
    await using at = await rotationScene(1)
    const { vault, clock } = at
    const settleAll = async () => {
      for (const ms of [0, 10 * minuteMs, 0, dayMs, 0]) {
        clock.advance(ms)
        await continueEpochs(vault, all)
      }
    }
    await continueEpochs(vault, all)
    for (const _ of [1, 2]) {
      clock.advance(minuteMs)
      await rotate(vault)
      await settleAll()
    }
    const [first, second] = await at.epochs()
    assert.deepEqual([first?.state, second?.state], ['ended', 'ended'])
    const end = await epochEndOf(vault, tenantId, 'docs/2')
    assert.ok(end.state === 'retired' && end.fromMs === second?.deadFromMs)
    assert.deepEqual(await readPaper(vault, at.ids[0] as DocumentId), at.kept)
    assert.deepEqual(await findingsOf(vault), [])
  })

  test('a key that another tenant still wraps under, or has rows under, is neither disabled nor ended', async () => {
    await using at = await rotationScene(1)
    const { vault, ports, clock } = at
    await continueEpochs(vault, all)
    await rotate(vault)
    const mixed: Vault = {
      ...vault,
      keyring: new Proxy(vault.keyring, {
        get: (target, name) => {
          if (name !== 'epochs') return Reflect.get(target, name)
          return async (tenant: string) =>
            tenant === tenantId ? target.epochs(tenantId) : { active: 'docs/1', former: [] }
        },
      }),
    }
    const stateOf = async () => (await at.epochs()).find(({ epoch }) => epoch === 'docs/1')
    for (const ms of [0, 10 * minuteMs, 0, dayMs, 0]) {
      clock.advance(ms)
      await continueEpochs(mixed, all)
    }
    assert.equal((await stateOf())?.state, 'former')
    assert.ok((await stateOf())?.provedAtMs !== undefined)
    // All of them have moved on, but somebody who is not configured any more has a row left.
    const old = await keyOf(vault, at.ids[0] as DocumentId)
    const stray = { ...old, id: `doc/${'0'.repeat(64)}`, tenant: 'gone' as typeof tenantId, epoch: 'docs/1' }
    await ports.wrappedKeys.put(rawGrant, stray)
    for (const ms of [0, 10 * minuteMs, 0, dayMs, 0]) {
      clock.advance(ms)
      await continueEpochs(vault, all)
    }
    assert.equal((await stateOf())?.state, 'former')
    await ports.wrappedKeys.destroy(rawGrant, [stray.id])
    for (const ms of [0, dayMs, 0]) {
      clock.advance(ms)
      await continueEpochs(vault, all)
    }
    assert.equal((await stateOf())?.state, 'ended')
  })

  test('a flip needs a second person, and is on record with both', async () => {
    await using at = await rotationScene(0)
    const { vault } = at
    await refused(rotateKey(vault, callerAs('dpo'), {}), 'role.second-person')
    await refused(rotateKey(vault, callerAs('dpo', 'one'), { second: callerAs('admin', 'one') }), 'role.second-person')
    await refused(rotateKey(vault, callerAs('reviewer'), { second: callerAs('dpo') }), 'role.not-allowed')
    await rotate(vault)
    const found: unknown[] = []
    for await (const { act, out, actor, det } of everyEntry(vault)) {
      if (act === 'key.rotate' && out !== 'deny' && det?.step !== 'note')
        found.push([actor?.auth, out, det?.step, det?.by ?? actor?.id, det?.second ?? det?.to])
    }
    assert.deepEqual(found, [
      ['key', 'allow', 'ask', 'officer', 'other'],
      ['key', 'done', 'ask', 'officer', undefined],
      ['system', 'allow', 'begin', 'officer', 'other'],
      ['system', 'done', 'begin', 'vault-rewrap-keys', 'docs/2'],
    ])
  })
})
