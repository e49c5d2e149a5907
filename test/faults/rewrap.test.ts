import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { DocumentId } from '../../src/domain/ids.ts'
import { countFormerKeys } from '../../src/guards/former-keys.ts'
import type { Vault } from '../../src/guards/vault.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { continueEpochs } from '../../src/upkeep/continue-epochs.ts'
import { advanceEpochs } from '../../src/upkeep/epochs.ts'
import { rewrapKeys } from '../../src/upkeep/rewrap.ts'
import { findingsOf, noisePicture, readPaper, storePaper, tenantId } from '../support/house-work.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { keyOf, rotate, rotationScene, storedOf } from '../support/rotation.ts'
import { everyEntry } from '../support/trail-lines.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

const dayMs = 24 * 3_600_000
const never = new AbortController().signal
const all = { signal: never, retire: true }

suite('rewrapping beside everything else', () => {
  test('a key that is destroyed between its announcement and its replacement stays destroyed', async () => {
    await using stack = new AsyncDisposableStack()
    const { config } = stack.use(await newVaultFolder())
    let doomed: string | undefined
    const wrap = (ports: Ports): Ports => ({
      ...ports,
      wrappedKeys: new Proxy(ports.wrappedKeys, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          if (name !== 'replace') return value.bind(target)
          return async (...args: Parameters<typeof target.replace>) => {
            if (args[1] === doomed) await target.destroy(rawGrant, [args[1]])
            return target.replace(...args)
          }
        },
      }),
    })
    const { vault } = stack.use(await openWrapped(config, { wrap }))
    const picture = await noisePicture(1)
    const ids = [await storePaper(vault, picture), await storePaper(vault, picture)]
    const victim = await keyOf(vault, ids[0] as DocumentId)
    doomed = victim.id
    await rotate(vault)
    const done = await rewrapKeys(vault, tenantId, { from: 'docs/1', to: 'docs/2', signal: never })
    assert.deepEqual(done, { count: 1, left: 0 })
    assert.equal(await vault.wrappedKeys.get(victim.id), undefined)
    assert.equal((await keyOf(vault, ids[1] as DocumentId)).epoch, 'docs/2')
  })

  test('a key that somebody else put there is not wrapped anew, nor is it hidden, and the epoch does not end', async () => {
    await using at = await rotationScene(3)
    const { vault, ports, clock } = at
    const victim = await keyOf(vault, at.ids[1] as DocumentId)
    const { subject } = await storedOf(vault, at.ids[1] as DocumentId)
    const context = { document: victim.document, fmt: '1', purpose: 'document', subject, tenant: tenantId }
    const forged = await ports.keyring.newDataKey(rawGrant, context)
    await ports.wrappedKeys.destroy(rawGrant, [victim.id])
    await ports.wrappedKeys.put(rawGrant, { ...victim, edks: forged.edks })
    await rotate(vault)
    const options = { from: 'docs/1', to: 'docs/2', signal: never }
    const { facts } = await refused(rewrapKeys(vault, tenantId, options), 'keys.refused')
    assert.deepEqual([facts.detail, facts.actual], ['key.strange', 1])
    assert.equal((await keyOf(vault, at.ids[1] as DocumentId)).epoch, 'docs/1')
    clock.advance(dayMs)
    await assert.rejects(continueEpochs(vault, all))
    assert.equal((await at.epochs()).find(({ epoch }) => epoch === 'docs/1')?.state, 'former')
    const findings = (await findingsOf(vault)).map(({ code, document, detail }) => ({ code, document, detail }))
    assert.deepEqual(findings, [{ code: 'key.differs', document: at.ids[1], detail: 'edks' }])
  })

  test('check accepts exactly what a rewrap announced, and finds a key put in its place', async () => {
    await using at = await rotationScene(3)
    const { vault, ports } = at
    await rotate(vault)
    await advanceEpochs(vault, tenantId, all)
    assert.deepEqual(await findingsOf(vault), [])
    const [one, other] = [await keyOf(vault, at.ids[0] as DocumentId), await keyOf(vault, at.ids[1] as DocumentId)]
    const swapped = { epoch: 'docs/2', edks: other.edks, rewrapped: other.rewrapped ?? { log: '', index: 0 } }
    assert.ok(await ports.wrappedKeys.replace(rawGrant, one.id, 'docs/2', swapped))
    const elsewhere = { ...swapped, edks: one.edks, rewrapped: { log: `${tenantId}/2000`, index: 3 } }
    const third = await keyOf(vault, at.ids[2] as DocumentId)
    assert.ok(await ports.wrappedKeys.replace(rawGrant, third.id, 'docs/2', elsewhere))
    const findings = (await findingsOf(vault)).map(({ code, document, detail }) => ({ code, document, detail }))
    const expected = [at.ids[0], at.ids[2]].map(document => ({ code: 'key.differs', document, detail: 'rewrapped' }))
    assert.deepEqual(findings, expected)
  })

  test('a store of wrapped keys from before the end that is put back is found, since nothing in it opens', async () => {
    await using at = await rotationScene(2)
    const { vault, ports, clock } = at
    const before = await keyOf(vault, at.ids[0] as DocumentId)
    await rotate(vault)
    assert.equal(await countFormerKeys(vault, tenantId), 2)
    for (const ms of [0, 10 * 60_000, 0, dayMs, 0]) {
      clock.advance(ms)
      await continueEpochs(vault, all)
    }
    assert.equal(await countFormerKeys(vault, tenantId), 0)
    assert.deepEqual(await findingsOf(vault), [])
    const { rewrapped } = await keyOf(vault, at.ids[0] as DocumentId)
    assert.ok(rewrapped)
    const back = { epoch: before.epoch, edks: before.edks, rewrapped }
    assert.ok(await ports.wrappedKeys.replace(rawGrant, before.id, 'docs/2', back))
    const found = (await findingsOf(vault)).map(({ code, key }) => [code, key])
    assert.deepEqual(found, [
      ['key.differs', before.id],
      ['key.ended', before.id],
    ])
  })

  test('a run that is aborted says so, and the next one ends it', async () => {
    await using at = await rotationScene(2)
    const { vault } = at
    await rotate(vault)
    const options = { from: 'docs/1', to: 'docs/2' }
    const aborted = await rewrapKeys(vault, tenantId, { ...options, signal: AbortSignal.abort() })
    assert.deepEqual(aborted, { count: 0, left: 2 })
    assert.deepEqual(await rewrapKeys(vault, tenantId, { ...options, signal: never }), { count: 2, left: 0 })
    const ends: string[] = []
    for await (const { act, out, why, det } of everyEntry(vault)) {
      if (act === 'key.rotate' && det?.n !== undefined) ends.push(`${out} ${why ?? ''} ${String(det.n)}`)
    }
    assert.deepEqual(ends, ['done unfinished 0', 'note  2', 'done  2'])
  })

  test('more keys than one entry tells of are told by several, each within its bounds', async () => {
    await using at = await rotationScene(1)
    const { vault, ports } = at
    const key = await keyOf(vault, at.ids[0] as DocumentId)
    const document = await storedOf(vault, at.ids[0] as DocumentId)
    // Orphans beside it: they wait for the sweep, and are neither wrapped anew nor told of.
    for (let n = 0; n < 300; n++) {
      const id = `doc/${n.toString(16).padStart(64, '0')}`
      await ports.wrappedKeys.put(rawGrant, { ...key, id, document: crypto.randomUUID() })
    }
    await rotate(vault)
    const done = await rewrapKeys(vault, tenantId, { from: 'docs/1', to: 'docs/2', signal: never })
    assert.deepEqual(done, { count: 1, left: 300 })
    assert.deepEqual(await readPaper(vault, document.id), at.kept)
  })

  test('an old key file that is put back is followed by nobody', async () => {
    await using at = await rotationScene(1)
    const { vault, ports } = at
    const epochs = await ports.keyring.epochs(tenantId)
    await rotate(vault)
    await advanceEpochs(vault, tenantId, all)
    const back: Vault = {
      ...vault,
      keyring: new Proxy(vault.keyring, {
        get: (target, name) => (name === 'epochs' ? async () => epochs : Reflect.get(target, name)),
      }),
    }
    const { facts } = await refused(advanceEpochs(back, tenantId, all), 'keys.refused')
    assert.equal(facts.detail, 'epoch.revived')
  })
})
