import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { TenantId } from '../../src/domain/ids.ts'
import type { EncryptedDataKey, Rewrapped, WrappedKey, WrappedKeys } from '../../src/ports/wrapped-keys.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'

const tenant = 'acme' as TenantId

export function aWrappedKey(over: Partial<WrappedKey> = {}): WrappedKey {
  return {
    id: `doc/${randomBytes(32).toString('hex')}`,
    tenant,
    document: 'd-1',
    epoch: 'e1',
    edks: [{ provider: 'vault-keyfile', info: plainBytes(36), blob: plainBytes(60) }],
    createdAtMs: 1_790_000_000_000,
    ...over,
  }
}

export function anew(epoch: string, edks: readonly EncryptedDataKey[]): Rewrapped {
  return { epoch, edks, rewrapped: { log: 'acme/2026', index: 7 } }
}

/** Random, and no Buffer, so that deep equality compares bytes and not classes. */
export function plainBytes(size: number): Uint8Array {
  return Uint8Array.from(randomBytes(size))
}

/** What every WrappedKeys promises; `open` gives an empty store. */
export function wrappedKeysContract(
  backing: string,
  open: (t: TestContext) => Promise<WrappedKeys>,
  skip: string | false = false,
): void {
  const promise = (title: string, run: (keys: WrappedKeys) => Promise<void>) =>
    test(`${backing}: ${title}`, { skip }, async t => run(await open(t)))

  promise('a key is found again with every byte', async keys => {
    const key = aWrappedKey()
    assert.equal(await keys.put(rawGrant, key), 'stored')
    assert.deepEqual(await keys.get(key.id), key)
  })

  promise('several encrypted data keys keep their order, empty fields and lengths', async keys => {
    const edks = [
      { provider: 'aws-kms', info: Uint8Array.from(Buffer.from('arn:aws:kms:é')), blob: plainBytes(65_535) },
      { provider: '', info: new Uint8Array(), blob: new Uint8Array() },
      { provider: 'ключ', info: plainBytes(1), blob: plainBytes(184) },
    ]
    const key = aWrappedKey({ edks })
    await keys.put(rawGrant, key)
    assert.deepEqual(await keys.get(key.id), key)
    const none = aWrappedKey({ edks: [] })
    await keys.put(rawGrant, none)
    assert.deepEqual(await keys.get(none.id), none)
  })

  promise('an unknown id is absent', async keys => {
    assert.equal(await keys.get('doc/none'), undefined)
  })

  promise('an id is put once, and the row that is there stays', async keys => {
    const key = aWrappedKey()
    await keys.put(rawGrant, key)
    assert.equal(await keys.put(rawGrant, { ...key, epoch: 'e2', edks: [] }), 'exists')
    assert.deepEqual(await keys.get(key.id), key)
  })

  promise('of racers for one id exactly one stores its own', async keys => {
    const { id } = aWrappedKey()
    const racers = Array.from({ length: 8 }, () => aWrappedKey({ id }))
    const results = await Promise.all(racers.map(key => keys.put(rawGrant, key)))
    assert.equal(results.filter(result => result === 'stored').length, 1)
    assert.deepEqual(await keys.get(id), racers[results.indexOf('stored')])
  })

  promise(
    'a replacement changes epoch, encrypted keys and the place of its entry alone, and only under the expected epoch',
    async keys => {
      const key = aWrappedKey()
      await keys.put(rawGrant, key)
      const { edks } = aWrappedKey()
      assert.equal(await keys.replace(rawGrant, key.id, 'e0', anew('e2', edks)), false)
      assert.deepEqual(await keys.get(key.id), key)
      assert.equal(await keys.replace(rawGrant, key.id, 'e1', anew('e2', edks)), true)
      assert.deepEqual(await keys.get(key.id), { ...key, ...anew('e2', edks) })
      assert.equal(
        await keys.replace(rawGrant, key.id, 'e1', anew('e2', edks)),
        false,
        'a repetition finds the epoch moved on',
      )
    },
  )

  promise('a replacement never inserts, so nothing that was destroyed comes back by it', async keys => {
    const key = aWrappedKey()
    await keys.put(rawGrant, key)
    await keys.destroy(rawGrant, [key.id])
    assert.equal(await keys.replace(rawGrant, key.id, 'e1', anew('e2', key.edks)), false)
    assert.equal(await keys.get(key.id), undefined)
  })

  promise('of racers that replace one row exactly one wins', async keys => {
    const key = aWrappedKey()
    await keys.put(rawGrant, key)
    const epochs = ['e2', 'e3', 'e4', 'e5']
    const results = await Promise.all(epochs.map(epoch => keys.replace(rawGrant, key.id, 'e1', anew(epoch, key.edks))))
    assert.equal(results.filter(Boolean).length, 1)
    assert.equal((await keys.get(key.id))?.epoch, epochs[results.indexOf(true)])
  })

  promise('destroying takes exactly the named rows, and absent ids are success', async keys => {
    const all = Array.from({ length: 5 }, () => aWrappedKey())
    await Promise.all(all.map(key => keys.put(rawGrant, key)))
    const [first, second, ...rest] = all
    assert.ok(first && second)
    await keys.destroy(rawGrant, [first.id, 'doc/none', second.id])
    await keys.destroy(rawGrant, [first.id])
    await keys.destroy(rawGrant, [])
    const left = await keys.list({ limit: 10 })
    assert.deepEqual(left.map(key => key.id).sort(), rest.map(key => key.id).sort())
  })

  promise('destroying tells the epoch that each row was under, and so does a look before it', async keys => {
    const [first, second, moved] = [aWrappedKey(), aWrappedKey({ epoch: 'e7' }), aWrappedKey()]
    await Promise.all([first, second, moved].map(key => keys.put(rawGrant, key)))
    const ids = [first.id, second.id, moved.id]
    const before = [
      [first.id, 'e1'],
      [second.id, 'e7'],
    ] as const
    assert.deepEqual(await keys.epochsOf([...ids, 'doc/none']), new Map([...before, [moved.id, 'e1']]))
    assert.ok(await keys.replace(rawGrant, moved.id, 'e1', anew('e2', moved.edks)))
    assert.deepEqual(await keys.destroy(rawGrant, [...ids, 'doc/none']), new Map([...before, [moved.id, 'e2']]))
    assert.deepEqual(await keys.epochsOf(ids), new Map())
    assert.deepEqual(await keys.destroy(rawGrant, ids), new Map())
    assert.deepEqual(await keys.epochsOf([]), new Map())
  })

  promise('of a key that is wrapped anew while it is destroyed nothing is left, whatever the order', async keys => {
    const all = Array.from({ length: 24 }, () => aWrappedKey())
    await Promise.all(all.map(key => keys.put(rawGrant, key)))
    const ids = all.map(({ id }) => id)
    const [destroyed, ...replaced] = await Promise.all([
      keys.destroy(rawGrant, ids),
      ...all.map(key => keys.replace(rawGrant, key.id, 'e1', anew('e2', key.edks))),
    ])
    assert.deepEqual(await keys.list({ limit: 99 }), [])
    for (const [at, id] of ids.entries()) assert.equal(destroyed.get(id), replaced[at] ? 'e2' : 'e1')
  })

  promise('256 keys are destroyed in one call while others are being put', async keys => {
    const doomed = Array.from({ length: 256 }, () => aWrappedKey())
    await Promise.all(doomed.map(key => keys.put(rawGrant, key)))
    const kept = Array.from({ length: 32 }, () => aWrappedKey())
    const ids = doomed.map(key => key.id)
    await Promise.all([keys.destroy(rawGrant, ids), ...kept.map(key => keys.put(rawGrant, key))])
    const left = await keys.list({ limit: 500 })
    assert.deepEqual(left.map(key => key.id).sort(), kept.map(key => key.id).sort())
  })

  promise('the list ascends by id across tenants, page after page', async keys => {
    const all = Array.from({ length: 7 }, (_, i) => aWrappedKey({ tenant: `t${i % 2}` as TenantId }))
    await Promise.all(all.map(key => keys.put(rawGrant, key)))
    const seen: WrappedKey[] = []
    for (let page = await keys.list({ limit: 3 }); page.length > 0; ) {
      assert.ok(page.length <= 3)
      seen.push(...page)
      page = await keys.list({ after: page.at(-1)?.id ?? '', limit: 3 })
    }
    assert.deepEqual(
      seen,
      all.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    )
  })

  promise(
    'rows of one tenant under one epoch are listed and counted, and move over with each replacement',
    async keys => {
      const ours = Array.from({ length: 5 }, () => aWrappedKey()).toSorted((a, b) => (a.id < b.id ? -1 : 1))
      const foreign = aWrappedKey({ tenant: 'other' as TenantId })
      const newer = aWrappedKey({ epoch: 'e2' })
      await Promise.all([...ours, foreign, newer].map(key => keys.put(rawGrant, key)))
      const first = await keys.listUnder('e1', tenant, { limit: 2 })
      const rest = await keys.listUnder('e1', tenant, { after: first.at(-1)?.id ?? '', limit: 9 })
      assert.deepEqual([...first, ...rest], ours)
      assert.deepEqual([await keys.countUnder('e1', tenant), await keys.countUnder('e1')], [5, 6])
      const [moved, gone] = ours
      assert.ok(moved && gone)
      assert.ok(await keys.replace(rawGrant, moved.id, 'e1', anew('e2', moved.edks)))
      await keys.destroy(rawGrant, [gone.id])
      assert.deepEqual(await keys.listUnder('e1', tenant, { limit: 9 }), ours.slice(2))
      assert.deepEqual([await keys.countUnder('e1', tenant), await keys.countUnder('e2', tenant)], [3, 2])
      assert.deepEqual([await keys.countUnder('e3'), await keys.listUnder('e3', tenant, { limit: 9 })], [0, []])
    },
  )

  promise(
    'an epoch that was closed takes no row of that tenant, and what is there can still be replaced',
    async keys => {
      const before = aWrappedKey()
      await keys.put(rawGrant, before)
      await keys.closeEpoch(rawGrant, 'e1', tenant)
      await keys.closeEpoch(rawGrant, 'e1', tenant)
      const late = aWrappedKey()
      const { facts } = await refused(keys.put(rawGrant, late), 'keys.unavailable')
      assert.equal(facts.detail, 'epoch.closed')
      assert.equal(await keys.get(late.id), undefined)
      assert.equal(await keys.put(rawGrant, aWrappedKey({ tenant: 'other' as TenantId })), 'stored')
      assert.equal(await keys.put(rawGrant, aWrappedKey({ epoch: 'e2' })), 'stored')
      assert.deepEqual(await keys.get(before.id), before)
      assert.ok(await keys.replace(rawGrant, before.id, 'e1', anew('e2', before.edks)))
    },
  )

  promise('of rows that were put while their epoch was closed none is overlooked', async keys => {
    const racers = Array.from({ length: 24 }, () => aWrappedKey())
    const putting = Promise.allSettled(racers.map(key => keys.put(rawGrant, key)))
    await keys.closeEpoch(rawGrant, 'e1', tenant)
    const seen = new Set((await keys.listUnder('e1', tenant, { limit: 99 })).map(({ id }) => id))
    const ends = await putting
    for (const [at, end] of ends.entries()) {
      if (end.status === 'fulfilled') assert.ok(seen.has(racers[at]?.id ?? ''), `row ${at} was acknowledged`)
    }
  })
}
