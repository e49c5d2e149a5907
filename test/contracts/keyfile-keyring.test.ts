import assert from 'node:assert/strict'
import { chmod, copyFile, mkdir, readdir, readFile, rename, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type KeyfilePlace, openKeyfileKeyring } from '../../src/adapters/keyfile-keyring.ts'
import type { Keyring } from '../../src/ports/keyring.ts'
import { emptyFolder } from '../support/folder.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { type KeyringFixture, keyringContract } from './keyring.contract.ts'
import { keyringEpochsContract } from './keyring-epochs.contract.ts'

const context = { fmt: '1', purpose: 'document' }
const passphrase = 'correct horse battery staple'

interface Place extends AsyncDisposable {
  readonly root: string
  readonly place: KeyfilePlace
  readonly file: string
}

async function freshPlace(withPassphrase = false): Promise<Place> {
  const folder = await emptyFolder()
  const root = folder.path
  const passphraseFile = join(root, 'passphrase')
  if (withPassphrase) await writeFile(passphraseFile, `${passphrase}\n`, { mode: 0o600 })
  const place = {
    keysDir: join(root, 'keys'),
    dataDir: join(root, 'data'),
    ...(withPassphrase ? { passphraseFile } : {}),
  }
  return {
    root,
    place,
    file: join(root, 'keys', 'keyring.json'),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

async function openFixture(withPassphrase: boolean): Promise<KeyringFixture> {
  const [own, other] = [await freshPlace(withPassphrase), await freshPlace(withPassphrase)]
  let stranger: Promise<Keyring> | undefined
  return {
    keyring: await openKeyfileKeyring(own.place),
    reopen: () => openKeyfileKeyring(own.place),
    stranger: () => {
      stranger ??= openKeyfileKeyring(other.place)
      return stranger
    },
    async [Symbol.asyncDispose]() {
      await own[Symbol.asyncDispose]()
      await other[Symbol.asyncDispose]()
    },
  }
}

keyringContract('key file', () => openFixture(false))
keyringEpochsContract('key file', () => openFixture(false))

// A passphrase costs half a second at each opening, so its suite shares one place.
let shared: Promise<KeyringFixture> | undefined
keyringContract('key file under a passphrase', async () => {
  shared ??= openFixture(true)
  return { ...(await shared), [Symbol.asyncDispose]: async () => undefined }
})
after(async () => (await shared)?.[Symbol.asyncDispose]())

/** Opens the place and returns the words it is refused with. */
async function wordsOf(place: KeyfilePlace): Promise<string> {
  const { facts } = await refused(openKeyfileKeyring(place), 'config.invalid')
  return (facts.problems ?? []).map(({ message }) => message).join('; ')
}

test('the first start makes a private folder and file with one active key for each purpose, and no more', async () => {
  await using made = await freshPlace()
  await openKeyfileKeyring(made.place)
  assert.equal((await stat(made.place.keysDir)).mode & 0o777, 0o700)
  assert.equal((await stat(made.file)).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(made.place.keysDir), ['keyring.json'])
  const file = JSON.parse(await readFile(made.file, 'utf8'))
  assert.deepEqual(Object.keys(file), ['format', 'gen', 'kdf', 'keys', 'mac'])
  assert.equal(file.format, 'vault-keyring/1')
  assert.deepEqual(
    file.keys.map((key: { id: string; state: string }) => `${key.id} ${key.state}`),
    ['docs/1 active', 'trail-day/1 active', 'blind-index/1 active', 'trail-sign/1 active', 'door/1 active'],
  )
  const materials = file.keys.map((key: { material: string }) => key.material)
  assert.equal(new Set(materials).size, 5)
})

test('a second start keeps the file as it is', async () => {
  await using made = await freshPlace()
  await openKeyfileKeyring(made.place)
  const before = await readFile(made.file)
  await openKeyfileKeyring(made.place)
  assert.ok(before.equals(await readFile(made.file)))
})

test('a missing key file beside data is refused, and none is made', async () => {
  await using made = await freshPlace()
  await mkdir(made.place.dataDir)
  await writeFile(join(made.place.dataDir, 'ledger.sqlite'), '')
  assert.match(await wordsOf(made.place), /missing, but the data folder is not empty/)
  assert.deepEqual(await readdir(made.place.keysDir), [])
})

test('a data folder that holds no more than the writer’s lock counts as empty', async () => {
  await using made = await freshPlace()
  await mkdir(made.place.dataDir)
  await writeFile(join(made.place.dataDir, 'writer-lock.sqlite'), '')
  await openKeyfileKeyring(made.place)
})

test('a folder for keys that is or lies in the data folder is refused, through a symbolic link too', async () => {
  await using made = await freshPlace()
  const { dataDir } = made.place
  await mkdir(dataDir)
  assert.match(await wordsOf({ ...made.place, keysDir: dataDir }), /lies in the data folder/)
  assert.match(await wordsOf({ ...made.place, keysDir: join(dataDir, 'keys') }), /lies in the data folder/)
  await symlink(dataDir, join(made.root, 'alias'))
  assert.match(await wordsOf({ ...made.place, keysDir: join(made.root, 'alias', 'keys') }), /lies in the data folder/)
  assert.match(await wordsOf({ ...made.place, keysDir: join(made.root, 'alias') }), /symbolic link/)
})

test('a key file or folder that group or others may enter is refused', async () => {
  await using made = await freshPlace()
  await openKeyfileKeyring(made.place)
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610]) {
    await chmod(made.file, mode)
    assert.match(await wordsOf(made.place), /lets group or others in: it must be 0600/)
  }
  await chmod(made.file, 0o600)
  for (const mode of [0o750, 0o705, 0o701]) {
    await chmod(made.place.keysDir, mode)
    assert.match(await wordsOf(made.place), /lets group or others in: it must be 0700/)
  }
})

test('a key file that is a symbolic link or a folder is refused', async () => {
  await using made = await freshPlace()
  await openKeyfileKeyring(made.place)
  const elsewhere = join(made.root, 'elsewhere.json')
  await rename(made.file, elsewhere)
  await symlink(elsewhere, made.file)
  assert.match(await wordsOf(made.place), /symbolic link/)
  await unlink(made.file)
  await mkdir(made.file)
  assert.match(await wordsOf(made.place), /no regular file/)
})

test('a broken key file is refused without quoting it', async () => {
  await using made = await freshPlace()
  await openKeyfileKeyring(made.place)
  const good = await readFile(made.file, 'utf8')
  const material: string = JSON.parse(good).keys[0].material
  const broken = [
    good.slice(0, -20),
    good.replace('vault-keyring/1', 'vault-keyring/2'),
    good.replace('"active"', '"retired"'),
    good.replace('docs/1', 'door/1'),
    good.replace(material, material.slice(4)),
    good.replace('AES-256-GCM', 'AES-128-GCM'),
    good.replace('"gen"', '"extra": 1, "gen"'),
  ]
  for (const text of broken) {
    assert.notEqual(text, good)
    await writeFile(made.file, text)
    const words = await wordsOf(made.place)
    assert.match(words, /^the key file /)
    assert.ok(!words.includes(material.slice(4)))
  }
})

test('while the key file is gone or changed no key is made and none is opened, and it is not ready', async () => {
  await using made = await freshPlace()
  const keyring = await openKeyfileKeyring(made.place)
  const { edks } = await keyring.newDataKey(rawGrant, context)
  const aside = join(made.root, 'aside.json')
  const failsEverywhere = async () => {
    await refused(keyring.newDataKey(rawGrant, context), 'keys.unavailable')
    await refused(keyring.unwrap(rawGrant, edks, context), 'keys.unavailable')
    await refused(keyring.ready(), 'keys.unavailable')
  }
  await rename(made.file, aside)
  await failsEverywhere()
  await writeFile(made.file, 'something else', { mode: 0o600 })
  await failsEverywhere()
  await copyFile(aside, made.file)
  await chmod(made.file, 0o644)
  await failsEverywhere()
  await chmod(made.file, 0o600)
  await keyring.ready()
  assert.equal((await keyring.unwrap(rawGrant, edks, context)).byteLength, 32)
})

test('under a passphrase the file holds no key in clear, and opens with that passphrase alone', async () => {
  await using plain = await freshPlace()
  await using made = await freshPlace(true)
  await openKeyfileKeyring(made.place)
  const { dataDir, keysDir } = made.place
  assert.match(await wordsOf({ dataDir, keysDir }), /is under a passphrase/)
  await writeFile(join(made.root, 'passphrase'), 'another passphrase')
  assert.match(await wordsOf(made.place), /does not open/)
  await writeFile(join(made.root, 'passphrase'), `${passphrase}\r\n`)
  await openKeyfileKeyring(made.place)
  await openKeyfileKeyring(plain.place)
  const { passphraseFile } = made.place
  assert.ok(passphraseFile)
  assert.match(await wordsOf({ ...plain.place, passphraseFile }), /is not under a passphrase/)
})

test('under a passphrase any change of the file is found', async () => {
  await using made = await freshPlace(true)
  await openKeyfileKeyring(made.place)
  const good = JSON.parse(await readFile(made.file, 'utf8'))
  const [first, second, ...rest] = good.keys
  const changed = [
    { ...good, gen: good.gen + 1 },
    { ...good, mac: null },
    { ...good, keys: [first, { ...second, created: '2020-01-01T00:00:00.000Z' }, ...rest] },
    { ...good, keys: [{ ...first, material: second.material }, second, ...rest] },
    { ...good, keys: [second, first, ...rest] },
  ]
  for (const file of changed) {
    await writeFile(made.file, JSON.stringify(file))
    assert.match(await wordsOf(made.place), /does not open/)
  }
})

test('a passphrase file that is open to others, absent or short is refused', async () => {
  await using made = await freshPlace(true)
  const { passphraseFile } = made.place
  assert.ok(passphraseFile)
  await chmod(passphraseFile, 0o644)
  assert.match(await wordsOf(made.place), /passphrase, whose file has a mode that lets group or others in/)
  await chmod(passphraseFile, 0o600)
  await writeFile(passphraseFile, 'short')
  assert.match(await wordsOf(made.place), /at least 12 characters/)
  await unlink(passphraseFile)
  assert.match(await wordsOf(made.place), /passphrase, whose file is not there/)
  assert.deepEqual(await readdir(made.place.keysDir), [])
})
