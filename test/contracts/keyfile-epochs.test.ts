import assert from 'node:assert/strict'
import { copyFile, link, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { type KeyfileKeyring, openKeyfileKeyring } from '../../src/adapters/keyfile-keyring.ts'
import type { TenantId } from '../../src/domain/ids.ts'
import { emptyFolder } from '../support/folder.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'

const tenant = 'omo7777' as TenantId
const context = { fmt: '1', purpose: 'document', tenant }

interface KeyRow {
  readonly id: string
  readonly state: string
  readonly material: string
}

interface Place extends AsyncDisposable {
  readonly ring: KeyfileKeyring
  readonly folder: string
  readonly file: string
  open(): Promise<KeyfileKeyring>
  json(): Promise<{ readonly gen: number; readonly keys: readonly KeyRow[] }>
}

async function place(passphrase?: string): Promise<Place> {
  const empty = await emptyFolder()
  const passphraseFile = join(empty.path, 'passphrase')
  if (passphrase !== undefined) await writeFile(passphraseFile, passphrase, { mode: 0o600 })
  const folder = join(empty.path, 'keys')
  const open = () =>
    openKeyfileKeyring({
      keysDir: folder,
      dataDir: join(empty.path, 'data'),
      ...(passphrase === undefined ? {} : { passphraseFile }),
    })
  const file = join(folder, 'keyring.json')
  return {
    ring: await open(),
    folder,
    file,
    open,
    json: async () => JSON.parse(await readFile(file, 'utf8')),
    [Symbol.asyncDispose]: () => empty[Symbol.asyncDispose](),
  }
}

async function everyByteOf(folder: string): Promise<Buffer> {
  const names = await readdir(folder)
  return Buffer.concat(await Promise.all(names.map(name => readFile(join(folder, name)))))
}

suite('epochs of a key file', () => {
  test('a flip adds a key, steps the one before down, leaves every other key as it is, and nothing else behind', async () => {
    await using at = await place()
    const before = await at.json()
    await at.ring.beginEpoch(rawGrant, tenant)
    const after = await at.json()
    assert.equal(after.gen, before.gen + 1)
    const [first, ...rest] = before.keys
    assert.deepEqual(after.keys.slice(0, -1), [{ ...first, state: 'decrypt' }, ...rest])
    const made = after.keys.at(-1)
    assert.deepEqual([made?.id, made?.state], ['docs/2', 'active'])
    assert.equal(new Set(after.keys.map(({ material }) => material)).size, after.keys.length)
    assert.deepEqual(await readdir(at.folder), ['keyring.json'])
  })

  test('an ended key’s bytes are in no file of the folder, in what a killed writer left neither', async () => {
    await using at = await place()
    const material = (await at.json()).keys[0]?.material ?? ''
    await copyFile(at.file, `${at.file}.0123456789ab.new`)
    const held = await readFile(at.file)
    await at.ring.beginEpoch(rawGrant, tenant)
    await at.ring.disableEpoch(rawGrant, 'docs/1')
    assert.ok((await everyByteOf(at.folder)).includes(material))
    await at.ring.endEpoch(rawGrant, 'docs/1')
    const left = await everyByteOf(at.folder)
    assert.ok(!left.includes(material) && !left.includes(Buffer.from(material, 'base64')))
    assert.deepEqual(await readdir(at.folder), ['keyring.json'])
    assert.deepEqual((await at.json()).keys[0], {
      ...JSON.parse(String(held)).keys[0],
      state: 'destroyed',
      material: '',
    })
  })

  test('the file that is replaced when a key ends is written over, so that an open or linked copy holds nothing', async () => {
    await using at = await place()
    await at.ring.beginEpoch(rawGrant, tenant)
    await at.ring.disableEpoch(rawGrant, 'docs/1')
    const other = join(at.folder, '..', 'linked.json')
    await link(at.file, other)
    await at.ring.endEpoch(rawGrant, 'docs/1')
    const bytes = await readFile(other)
    assert.ok(bytes.length > 0 && bytes.every(byte => byte === 0))
  })

  test('what a killed writer left is gone after the next start', async () => {
    await using at = await place()
    await copyFile(at.file, `${at.file}.0123456789ab.new`)
    await writeFile(join(at.folder, 'keyring.json.note.new'), 'an operator’s own')
    await at.open()
    assert.deepEqual((await readdir(at.folder)).toSorted(), ['keyring.json', 'keyring.json.note.new'])
  })

  test('a running ring follows no file that is older, lost a key, brought one back or changed one', async () => {
    await using at = await place()
    const first = await readFile(at.file)
    const other = await at.open()
    await other.beginEpoch(rawGrant, tenant)
    await other.disableEpoch(rawGrant, 'docs/1')
    await at.ring.ready()
    const good = await at.json()
    const [docs, ...rest] = good.keys
    const foreign = { ...docs, id: 'door/2', purpose: 'door', alg: 'HMAC-SHA-256', state: 'decrypt' }
    const gen = good.gen + 1
    const bad: readonly object[] = [
      { ...good, keys: good.keys, gen: good.gen - 1 },
      { ...good, gen, keys: rest },
      { ...good, gen, keys: [{ ...docs, state: 'decrypt' }, ...rest] },
      { ...good, gen, keys: [{ ...docs, material: Buffer.alloc(32, 7).toString('base64') }, ...rest] },
      { ...good, gen, keys: [{ ...docs, created: '2020-01-01T00:00:00.000Z' }, ...rest] },
      { ...good, gen, keys: good.keys.map(key => (key.id === 'door/1' ? { ...key, material: docs?.material } : key)) },
      { ...good, gen, keys: [...good.keys, foreign] },
    ]
    for (const [index, file] of [...bad.map(one => JSON.stringify(one)), String(first)].entries()) {
      await writeFile(at.file, file)
      await refused(at.ring.newDataKey(rawGrant, context), 'keys.unavailable')
      await refused(at.ring.ready(), 'keys.unavailable')
      await writeFile(at.file, JSON.stringify(good, undefined, index % 2))
    }
    await writeFile(at.file, `${JSON.stringify(good, undefined, 2)}\n`)
    await at.ring.ready()
  })

  test('two rings of one file flip one after the other, and none overwrites the other', async () => {
    await using at = await place()
    const other = await at.open()
    const flips = [await at.ring.beginEpoch(rawGrant, tenant), await other.beginEpoch(rawGrant, tenant)]
    assert.deepEqual(flips, [
      { from: 'docs/1', to: 'docs/2' },
      { from: 'docs/2', to: 'docs/3' },
    ])
    const both = await Promise.all([at.ring.beginEpoch(rawGrant, tenant), at.ring.beginEpoch(rawGrant, tenant)])
    assert.deepEqual(
      both.map(({ to }) => to),
      ['docs/4', 'docs/5'],
    )
    assert.deepEqual((await other.epochs(tenant)).former, ['docs/1', 'docs/2', 'docs/3', 'docs/4'])
  })

  test('under a passphrase a flip and an end are followed too, and the file still opens with it alone', async () => {
    await using at = await place('correct horse battery staple')
    const other = await at.open()
    const before = await at.ring.newDataKey(rawGrant, context)
    await at.ring.beginEpoch(rawGrant, tenant)
    const { edks } = await at.ring.rewrap(rawGrant, before.edks, context)
    await at.ring.disableEpoch(rawGrant, 'docs/1')
    await at.ring.endEpoch(rawGrant, 'docs/1')
    for (const ring of [other, await at.open()]) {
      assert.deepEqual(await ring.unwrap(rawGrant, edks, context), Uint8Array.from(before.plaintextKey))
      await refused(ring.unwrap(rawGrant, before.edks, context), 'keys.refused')
    }
  })
})
