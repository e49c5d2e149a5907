import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { type FileBlobs, openFileBlobs } from '../../src/adapters/file-blobs.ts'
import { blobKeyOf } from '../../src/domain/document.ts'
import type { MessageId } from '../../src/domain/ids.ts'
import { emptyFolder } from '../support/folder.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { blobsContract } from './blobs.contract.ts'

const never = new AbortController().signal
const newKey = (): string => blobKeyOf(randomBytes(32).toString('hex') as MessageId)

async function open(reserveBytes = 0): Promise<AsyncDisposable & { readonly blobs: FileBlobs; readonly root: string }> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await emptyFolder())
  const root = join(folder.path, 'blobs')
  const blobs = stack.use(await openFileBlobs({ folder: root, reserveBytes }))
  const held = stack.move()
  return { blobs, root, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

blobsContract('files', () => open())

test('blob files and their folders are their owner’s alone', async () => {
  await using fixture = await open()
  const key = newKey()
  await fixture.blobs.put(rawGrant, key, [randomBytes(10)], never)
  const path = join(fixture.root, key)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal((await stat(dirname(path))).mode & 0o777, 0o700)
})

test('below the low-water mark a put is refused and leaves nothing, while reads and deletes go on', async () => {
  await using roomy = await open()
  const key = newKey()
  await roomy.blobs.put(rawGrant, key, [Buffer.from('kept')], never)
  const tight = await openFileBlobs({ folder: roomy.root, reserveBytes: 2 ** 60 })
  const refusedKey = newKey()
  await refused(tight.put(rawGrant, refusedKey, [Buffer.from('x')], never), 'storage.full')
  await refused(tight.ready(), 'storage.full')
  await refused(tight.open(refusedKey), 'blobs.missing')
  await using blob = await tight.open(key)
  assert.equal(blob.sizeBytes, 4)
  await tight.delete(rawGrant, key)
  await tight[Symbol.asyncDispose]()
})

test('a symbolic link or a folder under a blob’s name is not followed', async () => {
  await using fixture = await open()
  const [link, folder] = [newKey(), newKey()]
  const secret = join(fixture.root, 'elsewhere')
  await writeFile(secret, 'not a blob')
  for (const key of [link, folder]) await mkdir(dirname(join(fixture.root, key)), { recursive: true })
  await symlink(secret, join(fixture.root, link))
  await mkdir(join(fixture.root, folder))
  await refused(fixture.blobs.open(link), 'blobs.missing')
  await refused(fixture.blobs.open(folder), 'blobs.missing')
  await refused(fixture.blobs.put(rawGrant, link, [Buffer.from('x')], never), 'blobs.exists')
})

test('foreign names in the folder are listed as they are', async () => {
  await using fixture = await open()
  await writeFile(join(fixture.root, 'v1', 'stray.tmp'), 'abc')
  const found = await Array.fromAsync(fixture.blobs.list(Number.MAX_SAFE_INTEGER))
  assert.deepEqual(
    found.map(({ key, sizeBytes }) => ({ key, sizeBytes })),
    [{ key: 'v1/stray.tmp', sizeBytes: 3 }],
  )
})

test('where the folder went away, puts and readiness fail instead of making a new one', async () => {
  await using fixture = await open()
  await rename(fixture.root, `${fixture.root}-gone`)
  await refused(fixture.blobs.put(rawGrant, newKey(), [Buffer.from('x')], never), 'blobs.unavailable')
  await refused(fixture.blobs.ready(), 'blobs.unavailable')
  assert.deepEqual(await readdir(dirname(fixture.root)), ['blobs-gone'])
})
