import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { TenantId } from '../../src/domain/ids.ts'
import type { KeyContext } from '../../src/domain/key-context.ts'
import type { Keyring } from '../../src/ports/keyring.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import type { KeyringFixture } from './keyring.contract.ts'

const tenant = 'omo7777' as TenantId
const context: KeyContext = {
  document: '01900000-0000-7000-8000-000000000001',
  fmt: '1',
  purpose: 'document',
  subject: '00000000-0000-4000-8000-000000000002',
  tenant,
}

/** What every adapter of the port `Keyring` keeps of epochs; `open` gives a ring in its first one. */
export function keyringEpochsContract(
  name: string,
  open: () => Promise<KeyringFixture>,
  skip: string | false = false,
): void {
  suite(`epochs of the keyring: ${name}`, { skip }, () => {
    test('at first there is one epoch, and what is made is under it', async () => {
      await using fixture = await open()
      const { epoch } = await fixture.keyring.newDataKey(rawGrant, context)
      assert.deepEqual(await fixture.keyring.epochs(tenant), { active: epoch, former: [] })
    })

    test('a flip makes a new epoch; what the former wrapped opens in every ring, those that were open before too', async () => {
      await using fixture = await open()
      const other = await fixture.reopen()
      const before = await fixture.keyring.newDataKey(rawGrant, context)
      const flipped = await fixture.keyring.beginEpoch(rawGrant, tenant)
      assert.equal(flipped.from, before.epoch)
      for (const ring of [fixture.keyring, other, await fixture.reopen()]) {
        const after = await ring.newDataKey(rawGrant, context)
        assert.equal(after.epoch, flipped.to)
        assert.deepEqual(await ring.epochs(tenant), { active: flipped.to, former: [flipped.from] })
        await opens(ring, before.edks, before.plaintextKey)
        await opens(fixture.keyring, after.edks, after.plaintextKey)
      }
    })

    test('a flip leaves the keyed hashes as they are', async () => {
      await using fixture = await open()
      const macs = async (ring: Keyring) =>
        Promise.all((['door', 'blind-index'] as const).map(purpose => ring.mac(purpose, Buffer.from('x'))))
      const before = await macs(fixture.keyring)
      await fixture.keyring.beginEpoch(rawGrant, tenant)
      assert.deepEqual(await macs(await fixture.reopen()), before)
    })

    test('a key that is wrapped anew is the same key, under the active epoch and in the same context alone', async () => {
      await using fixture = await open()
      const { keyring } = fixture
      const before = await keyring.newDataKey(rawGrant, context)
      const { to } = await keyring.beginEpoch(rawGrant, tenant)
      const anew = await keyring.rewrap(rawGrant, before.edks, context, to)
      assert.equal(anew.epoch, to)
      assert.notDeepEqual(anew.edks, before.edks)
      await opens(keyring, anew.edks, before.plaintextKey)
      await opens(await fixture.reopen(), anew.edks, before.plaintextKey)
      await refused(keyring.unwrap(rawGrant, anew.edks, { ...context, subject: 'other' }), 'keys.refused')
      await opens(keyring, (await keyring.rewrap(rawGrant, before.edks, context)).edks, before.plaintextKey)
      const again = await keyring.rewrap(rawGrant, anew.edks, context)
      await opens(keyring, again.edks, before.plaintextKey)
    })

    test('another context, key or destination, or an altered key, is not wrapped anew', async () => {
      await using fixture = await open()
      const { keyring } = fixture
      const { edks } = await keyring.newDataKey(rawGrant, context)
      const { from, to } = await keyring.beginEpoch(rawGrant, tenant)
      for (const part of Object.keys(context)) {
        await refused(keyring.rewrap(rawGrant, edks, { ...context, [part]: 'other' }, to), 'keys.refused')
      }
      const foreign = await (await fixture.stranger()).newDataKey(rawGrant, context)
      await refused(keyring.rewrap(rawGrant, foreign.edks, context, to), 'keys.refused')
      await refused(
        keyring.rewrap(rawGrant, edks, context, foreign.epoch === to ? 'none' : foreign.epoch),
        'keys.refused',
      )
      await refused(keyring.rewrap(rawGrant, edks, context, from), 'keys.refused')
      const altered = edks.map(edk => ({ ...edk, blob: edk.blob.map((byte, at) => (at === 40 ? byte ^ 1 : byte)) }))
      await refused(keyring.rewrap(rawGrant, altered, context, to), 'keys.refused')
      await refused(keyring.rewrap(rawGrant, [], context, to), 'keys.refused')
    })

    test('a disabled epoch opens nothing in any ring, what was wrapped anew does', async () => {
      await using fixture = await open()
      const { keyring } = fixture
      const other = await fixture.reopen()
      const before = await keyring.newDataKey(rawGrant, context)
      const { from, to } = await keyring.beginEpoch(rawGrant, tenant)
      const anew = await keyring.rewrap(rawGrant, before.edks, context, to)
      await keyring.disableEpoch(rawGrant, from)
      await keyring.disableEpoch(rawGrant, from)
      for (const ring of [keyring, other, await fixture.reopen()]) {
        await refused(ring.unwrap(rawGrant, before.edks, context), 'keys.unavailable')
        await refused(ring.rewrap(rawGrant, before.edks, context, to), 'keys.unavailable')
        await opens(ring, anew.edks, before.plaintextKey)
        await ring.ready()
      }
    })

    test('the end comes after disabling, is told the same each time, and is for ever', async () => {
      await using fixture = await open()
      const { keyring } = fixture
      const other = await fixture.reopen()
      const before = await keyring.newDataKey(rawGrant, context)
      const { from, to } = await keyring.beginEpoch(rawGrant, tenant)
      await refused(keyring.endEpoch(rawGrant, from), 'keys.refused')
      await keyring.disableEpoch(rawGrant, from)
      const deadFromMs = await keyring.endEpoch(rawGrant, from)
      assert.equal(await keyring.endEpoch(rawGrant, from), deadFromMs)
      for (const ring of [keyring, other, await fixture.reopen()]) {
        await assert.rejects(ring.unwrap(rawGrant, before.edks, context))
        assert.equal((await ring.newDataKey(rawGrant, context)).epoch, to)
      }
    })

    test('the active epoch is neither disabled nor ended, nor is one that this ring does not have', async () => {
      await using fixture = await open()
      const { keyring } = fixture
      const { epoch } = await keyring.newDataKey(rawGrant, context)
      await refused(keyring.disableEpoch(rawGrant, epoch), 'keys.refused')
      await refused(keyring.endEpoch(rawGrant, epoch), 'keys.refused')
      const absent = `${epoch.slice(0, -1)}${epoch.endsWith('9') ? '8' : '9'}`
      await refused(keyring.disableEpoch(rawGrant, absent), 'keys.refused')
      await refused(keyring.endEpoch(rawGrant, absent), 'keys.refused')
    })
  })
}

async function opens(ring: Keyring, edks: Parameters<Keyring['unwrap']>[1], plaintextKey: Uint8Array): Promise<void> {
  assert.deepEqual(Buffer.from(await ring.unwrap(rawGrant, edks, context)), Buffer.from(plaintextKey))
}
