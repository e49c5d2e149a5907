import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { type KeyContext, serializeContext } from '../../src/domain/key-context.ts'
import type { Keyring } from '../../src/ports/keyring.ts'
import type { EncryptedDataKey } from '../../src/ports/wrapped-keys.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'

export interface KeyringFixture extends AsyncDisposable {
  readonly keyring: Keyring
  /** The same keys in another process's ring, as after a restart. */
  reopen(): Promise<Keyring>
  /** A ring of other keys. */
  stranger(): Promise<Keyring>
}

const context: KeyContext = {
  document: '01900000-0000-7000-8000-000000000001',
  fmt: '1',
  purpose: 'document',
  subject: '00000000-0000-4000-8000-000000000002',
  tenant: 'omo7777',
}

/** What every adapter of the port `Keyring` keeps. */
export function keyringContract(name: string, open: () => Promise<KeyringFixture>, skip: string | false = false): void {
  suite(`keyring: ${name}`, { skip }, () => {
    test('a data key is 32 bytes, never the same twice, and opens in its context', async () => {
      await using fixture = await open()
      const seen = new Set<string>()
      for (let at = 0; at < 50; at++) {
        const { plaintextKey, edks, epoch } = await fixture.keyring.newDataKey(rawGrant, context)
        assert.equal(plaintextKey.byteLength, 32)
        assert.notEqual(epoch, '')
        seen.add(Buffer.from(plaintextKey).toString('hex'))
        assert.deepEqual(Buffer.from(await fixture.keyring.unwrap(rawGrant, edks, context)), Buffer.from(plaintextKey))
      }
      assert.equal(seen.size, 50)
    })

    test('a data key lies in a buffer of its own: wiping it harms no other', async () => {
      await using fixture = await open()
      const { plaintextKey, edks } = await fixture.keyring.newDataKey(rawGrant, context)
      const kept = Buffer.from(plaintextKey)
      assert.equal(plaintextKey.buffer.byteLength, 32)
      plaintextKey.fill(0)
      const first = await fixture.keyring.unwrap(rawGrant, edks, context)
      assert.equal(first.buffer.byteLength, 32)
      first.fill(0)
      assert.deepEqual(Buffer.from(await fixture.keyring.unwrap(rawGrant, edks, context)), kept)
    })

    test('the order in which a context is written does not matter', async () => {
      await using fixture = await open()
      const { plaintextKey, edks } = await fixture.keyring.newDataKey(rawGrant, context)
      const turned = Object.fromEntries(Object.entries(context).reverse())
      assert.deepEqual(Buffer.from(await fixture.keyring.unwrap(rawGrant, edks, turned)), Buffer.from(plaintextKey))
    })

    test('any other context is refused', async () => {
      await using fixture = await open()
      const { edks } = await fixture.keyring.newDataKey(rawGrant, context)
      for (const key of Object.keys(context)) {
        await refused(fixture.keyring.unwrap(rawGrant, edks, { ...context, [key]: 'other' }), 'keys.refused')
        const without = Object.fromEntries(Object.entries(context).filter(([name]) => name !== key))
        await refused(fixture.keyring.unwrap(rawGrant, edks, without), 'keys.refused')
      }
      await refused(fixture.keyring.unwrap(rawGrant, edks, { ...context, more: 'x' }), 'keys.refused')
    })

    test('a wrapped key that was altered anywhere is refused', async () => {
      await using fixture = await open()
      const { edks } = await fixture.keyring.newDataKey(rawGrant, context)
      const [edk] = edks
      assert.ok(edk)
      await fc.assert(
        fc.asyncProperty(fc.constantFrom('info', 'blob'), fc.nat(), fc.nat(7), async (part, at, bit) => {
          await refused(fixture.keyring.unwrap(rawGrant, [flipped(edk, part, at, bit)], context), 'keys.refused')
        }),
        { numRuns: 200 },
      )
      const cut = { ...edk, blob: edk.blob.subarray(0, -1) }
      const foreign = { ...edk, provider: 'elsewhere' }
      for (const bad of [cut, foreign, { ...edk, info: new Uint8Array(0) }, { ...edk, blob: new Uint8Array(0) }]) {
        await refused(fixture.keyring.unwrap(rawGrant, [bad], context), 'keys.refused')
      }
      await refused(fixture.keyring.unwrap(rawGrant, [], context), 'keys.refused')
    })

    test('of several wrapped keys the one it knows opens', async () => {
      await using fixture = await open()
      const other = await (await fixture.stranger()).newDataKey(rawGrant, context)
      const own = await fixture.keyring.newDataKey(rawGrant, context)
      const edks = [...other.edks, ...own.edks]
      assert.deepEqual(
        Buffer.from(await fixture.keyring.unwrap(rawGrant, edks, context)),
        Buffer.from(own.plaintextKey),
      )
    })

    test('a ring of other keys opens nothing', async () => {
      await using fixture = await open()
      const { edks } = await fixture.keyring.newDataKey(rawGrant, context)
      await refused((await fixture.stranger()).unwrap(rawGrant, edks, context), 'keys.refused')
    })

    test('a data key opens, and a keyed hash is the same, after a restart', async () => {
      await using fixture = await open()
      const { plaintextKey, edks } = await fixture.keyring.newDataKey(rawGrant, context)
      const message = Buffer.from('message')
      const reopened = await fixture.reopen()
      assert.deepEqual(Buffer.from(await reopened.unwrap(rawGrant, edks, context)), Buffer.from(plaintextKey))
      for (const purpose of ['door', 'blind-index'] as const) {
        assert.deepEqual(
          Buffer.from(await reopened.mac(purpose, message)),
          Buffer.from(await fixture.keyring.mac(purpose, message)),
        )
      }
    })

    test('a context of no known purpose gets no key', async () => {
      await using fixture = await open()
      for (const purpose of ['door', 'docs', '__proto__', '']) {
        await refused(fixture.keyring.newDataKey(rawGrant, { ...context, purpose }), 'keys.refused')
      }
    })

    test('keyed hashes are 32 bytes, and differ by purpose, message and ring', async () => {
      await using fixture = await open()
      const stranger = await fixture.stranger()
      const hashes = await Promise.all([
        fixture.keyring.mac('door', Buffer.from('a')),
        fixture.keyring.mac('door', Buffer.from('b')),
        fixture.keyring.mac('blind-index', Buffer.from('a')),
        stranger.mac('door', Buffer.from('a')),
      ])
      for (const hash of hashes) assert.equal(hash.byteLength, 32)
      assert.equal(new Set(hashes.map(hash => Buffer.from(hash).toString('hex'))).size, hashes.length)
    })

    test('a blind index takes 4,096 bytes and no more', async () => {
      await using fixture = await open()
      await fixture.keyring.mac('blind-index', new Uint8Array(4_096))
      await refused(fixture.keyring.mac('blind-index', new Uint8Array(4_097)), 'keys.refused')
    })

    test('no wrapped key holds the data key in clear', async () => {
      await using fixture = await open()
      const { plaintextKey, edks } = await fixture.keyring.newDataKey(rawGrant, context)
      for (const { info, blob } of edks) {
        assert.ok(!Buffer.concat([info, blob, serializeContext(context)]).includes(plaintextKey))
      }
    })

    test('it is ready while a data key could be made and opened', async () => {
      await using fixture = await open()
      await fixture.keyring.ready()
    })
  })
}

function flipped(edk: EncryptedDataKey, part: 'info' | 'blob', at: number, bit: number): EncryptedDataKey {
  const bytes = Uint8Array.from(edk[part])
  const index = at % bytes.length
  bytes[index] = (bytes[index] ?? 0) ^ (1 << bit)
  return { ...edk, [part]: bytes }
}
