import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { StoredDocument } from '../../src/domain/document.ts'
import { wrappedKeyId } from '../../src/domain/document.ts'
import type { Epoch } from '../../src/domain/epoch.ts'
import type { DocumentId } from '../../src/domain/ids.ts'
import { epochEndOf } from '../../src/guards/epoch-end.ts'
import type { Vault } from '../../src/guards/vault.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { continueEpochs } from '../../src/upkeep/continue-epochs.ts'
import { advanceEpochs } from '../../src/upkeep/epochs.ts'
import { type RewrapProgress, rewrapKeys } from '../../src/upkeep/rewrap.ts'
import { rotateKey } from '../../src/upkeep/rotate-key.ts'
import {
  callerAs,
  depositPaper,
  documentOf,
  findingsOf,
  newPaper,
  noisePicture,
  normalised,
  readPaper,
  tenantId,
} from '../support/house-work.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { everyEntry } from '../support/trail-lines.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

const minuteMs = 60_000
const dayMs = 24 * 3_600_000
const never = new AbortController().signal
const all = { signal: never, retire: true }

interface Scene extends AsyncDisposable {
  readonly vault: Vault
  readonly ports: Ports
  readonly clock: ManualClock
  readonly folder: string
  readonly ids: readonly DocumentId[]
  readonly kept: Buffer
  readonly epochs: () => Promise<readonly Epoch[]>
}

/** A vault with some papers of one tenant under `docs/1`. */
async function scene(papers: number): Promise<Scene> {
  const stack = new AsyncDisposableStack()
  const { folder, config } = stack.use(await newVaultFolder())
  const clock = new ManualClock(Date.now())
  const { vault, ports } = stack.use(await openWrapped(config, { clock }))
  const picture = await noisePicture(1, 64)
  const ids: DocumentId[] = []
  for (let at = 0; at < papers; at++) ids.push(documentOf(await depositPaper(vault, newPaper(picture))))
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

const rotate = (vault: Vault) => rotateKey(vault, callerAs('dpo', 'officer'), { second: callerAs('admin', 'other') })

async function storedOf(vault: Vault, id: DocumentId): Promise<StoredDocument> {
  const document = await vault.ledger.findDocument(tenantId, id)
  assert.ok(document?.state === 'stored')
  return document
}

async function keyOf(vault: Vault, id: DocumentId) {
  const key = await vault.wrappedKeys.get(wrappedKeyId((await storedOf(vault, id)).messageId))
  assert.ok(key)
  return key
}

suite('an epoch of the key file, from its flip to its end', () => {
  test('every key is wrapped anew, every paper opens, bodies and rows are untouched, and all of it holds together', async () => {
    await using at = await scene(5)
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
    await using at = await scene(1)
    const { vault, ports } = at
    const old = await ports.keyring.newDataKey(rawGrant, { fmt: '1', purpose: 'document', tenant: tenantId })
    await rotate(vault)
    await advanceEpochs(vault, tenantId, all)
    const late = { id: `doc/${'0'.repeat(64)}`, tenant: tenantId, document: 'd', createdAtMs: 1, ...old }
    const { facts } = await refused(ports.wrappedKeys.put(rawGrant, late), 'keys.unavailable')
    assert.equal(facts.detail, 'epoch.closed')
    const id = documentOf(await depositPaper(vault, newPaper(await noisePicture(2))))
    assert.equal((await keyOf(vault, id)).epoch, 'docs/2')
  })

  test('the key ends after two proofs, each step on record; until then the end is pending for certificates', async () => {
    await using at = await scene(2)
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
      if (act === 'key.retired' && ten === tenantId) steps.push(`${det?.epoch} ${det?.step} ${det?.from ?? ''}`.trim())
    }
    const from = new Date(end.fromMs).toISOString()
    assert.deepEqual(steps, ['docs/1 proved', 'docs/1 disabled', `docs/1 ended ${from}`])
    assert.ok(!(await readFile(join(at.folder, 'keys/keyring.json'), 'utf8')).includes('"disabled"'))
    for (const id of at.ids) assert.deepEqual(await readPaper(vault, id), at.kept)
    assert.deepEqual(await findingsOf(vault), [])
    assert.equal(await continueEpochs(vault, all), 0, 'nothing is left to do')
  })

  test('of two epochs in a row the later one’s end counts for whoever was under both', async () => {
    await using at = await scene(1)
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

  test('a flip needs a second person, and is on record with both', async () => {
    await using at = await scene(0)
    const { vault } = at
    await refused(rotateKey(vault, callerAs('dpo'), {}), 'role.second-person')
    await refused(rotateKey(vault, callerAs('dpo', 'one'), { second: callerAs('admin', 'one') }), 'role.second-person')
    await refused(rotateKey(vault, callerAs('reviewer'), { second: callerAs('dpo') }), 'role.not-allowed')
    await rotate(vault)
    const found: string[] = []
    for await (const { act, out, actor, det } of everyEntry(vault)) {
      if (act === 'key.rotate' && actor?.auth === 'key')
        found.push(`${out} ${actor.id} ${det?.second ?? det?.to ?? ''}`)
    }
    assert.deepEqual(found.slice(-2), ['allow officer other', 'done officer docs/2'])
  })
})

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
    const ids = [
      documentOf(await depositPaper(vault, newPaper(picture))),
      documentOf(await depositPaper(vault, newPaper(picture))),
    ]
    const victim = await keyOf(vault, ids[0] as DocumentId)
    doomed = victim.id
    await rotate(vault)
    const done = await rewrapKeys(vault, tenantId, { from: 'docs/1', to: 'docs/2', signal: never })
    assert.deepEqual(done, { count: 1, left: 0 })
    assert.equal(await vault.wrappedKeys.get(victim.id), undefined)
    assert.equal((await keyOf(vault, ids[1] as DocumentId)).epoch, 'docs/2')
  })

  test('a key that somebody else put there is not wrapped anew, nor is it hidden, and the epoch does not end', async () => {
    await using at = await scene(3)
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
    await using at = await scene(3)
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

  test('a run that is aborted says so, and the next one ends it', async () => {
    await using at = await scene(2)
    const { vault } = at
    await rotate(vault)
    const options = { from: 'docs/1', to: 'docs/2' }
    const aborted = await rewrapKeys(vault, tenantId, { ...options, signal: AbortSignal.abort() })
    assert.deepEqual(aborted, { count: 0, left: 2 })
    assert.deepEqual(await rewrapKeys(vault, tenantId, { ...options, signal: never }), { count: 2, left: 0 })
    const ends: string[] = []
    for await (const { act, out, why, det } of everyEntry(vault)) {
      if (act === 'key.rotate' && det?.n !== undefined) ends.push(`${out} ${why ?? ''} ${det.n}`)
    }
    assert.deepEqual(ends, ['done unfinished 0', 'note  2', 'done  2'])
  })

  test('more keys than one entry tells of are told by several, each within its bounds', async () => {
    await using at = await scene(1)
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
    await using at = await scene(1)
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
