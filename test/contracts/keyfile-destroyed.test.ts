import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { appendFile, mkdir, readFile, rename, rm, rmdir, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type KeyfileDestroyed, openKeyfileDestroyed } from '../../src/adapters/keyfile-destroyed.ts'
import { freshFolder } from '../support/fresh-sqlite.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { aMark, destroyedContract, everyMark, marksOf, sorted } from './destroyed.contract.ts'

const mac = async (message: Uint8Array) => createHmac('sha256', 'a key of the key file').update(message).digest()

function openIn(folder: string, as = mac): Promise<KeyfileDestroyed> {
  return openKeyfileDestroyed({ folder, mac: as })
}

destroyedContract('key folder', async t => {
  const folder = await freshFolder(t)
  const destroyed = await openIn(folder)
  t.after(() => destroyed[Symbol.asyncDispose]())
  const again = async () => {
    const other = await openIn(folder)
    t.after(() => other[Symbol.asyncDispose]())
    return other
  }
  return { destroyed, again }
})

/** A closed list of three appends, and its folder. */
async function written(t: TestContext) {
  const folder = await freshFolder(t)
  const appends = [marksOf(2), marksOf(3), marksOf(1)] as const
  await using destroyed = await openIn(folder)
  for (const marks of appends) await destroyed.append(rawGrant, marks)
  const list = join(folder, 'destroyed.list')
  return { folder, appends, list, head: join(folder, 'destroyed.head'), text: await readFile(list, 'utf8') }
}

/** Whether opening the list, or else reading it, is refused. */
async function isNoticed(folder: string): Promise<void> {
  await refused(
    (async () => {
      await using destroyed = await openIn(folder)
      await everyMark(destroyed)
    })(),
    'keys.unavailable',
  )
}

test('both files of the list are their owner’s alone', async t => {
  const { list, head } = await written(t)
  for (const path of [list, head]) assert.equal((await stat(path)).mode & 0o777, 0o600)
})

test('every bit of the list that is turned is noticed', async t => {
  const { folder, list, text } = await written(t)
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += 7) {
    const other = Buffer.from(bytes)
    other.writeUInt8(other.readUInt8(at) ^ (1 << (at % 7)), at)
    await writeFile(list, other)
    await isNoticed(folder)
  }
})

test('a line that is cut off, left out, put elsewhere or added is noticed', async t => {
  const { folder, list, text } = await written(t)
  const [one, two, three] = text.trimEnd().split('\n') as [string, string, string]
  const forms = [[one, two], [], [one, three], [two, three], [one, three, two], [one, one, three], [one, two, two]]
  for (const lines of forms) {
    await writeFile(list, lines.map(line => `${line}\n`).join(''))
    await isNoticed(folder)
  }
  await truncate(list, text.length - 1)
  await isNoticed(folder)
})

test('a list without its head, and a head without its list, are noticed', async t => {
  const first = await written(t)
  await rm(first.head)
  await isNoticed(first.folder)
  const second = await written(t)
  await rm(second.list)
  await isNoticed(second.folder)
})

test('a head that was changed, and a list under another key file, are noticed', async t => {
  const { folder, head } = await written(t)
  const other = async (message: Uint8Array) => createHmac('sha256', 'another').update(message).digest()
  await refused(openIn(folder, other), 'keys.unavailable')
  const text = await readFile(head, 'utf8')
  await writeFile(head, text.replace(/"bytes":\d+/, '"bytes":0'))
  await isNoticed(folder)
  await writeFile(head, '{}')
  await isNoticed(folder)
})

test('what a crash left beyond the head was never acknowledged: the next append takes its place', async t => {
  const { folder, appends, list, text } = await written(t)
  await appendFile(list, text.slice(0, 40))
  const more = [aMark()]
  await using destroyed = await openIn(folder)
  assert.deepEqual(await everyMark(destroyed), sorted(appends.flat()))
  await destroyed.append(rawGrant, more)
  assert.deepEqual(await everyMark(destroyed), sorted([...appends.flat(), ...more]))
})

test('a list that was begun and got no head, as by a crash, is begun again', async t => {
  const folder = await freshFolder(t)
  await writeFile(join(folder, 'destroyed.list'), '', { mode: 0o600 })
  await using destroyed = await openIn(folder)
  await destroyed.append(rawGrant, marksOf(1))
  assert.equal((await everyMark(destroyed)).length, 1)
})

test('an append that cannot be written says so, and the next one stands behind what was acknowledged', async t => {
  const folder = await freshFolder(t)
  await using destroyed = await openIn(folder)
  const first = marksOf(1)
  await destroyed.append(rawGrant, first)
  const head = join(folder, 'destroyed.head')
  await rename(head, `${head}.kept`)
  await mkdir(head)
  await refused(destroyed.append(rawGrant, marksOf(1)), 'keys.unavailable')
  await rmdir(head)
  await rename(`${head}.kept`, head)
  const second = marksOf(2)
  await destroyed.append(rawGrant, second)
  assert.deepEqual(await everyMark(destroyed), sorted([...first, ...second]))
})
