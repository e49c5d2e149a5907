import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { SqliteFile } from '../../src/adapters/sqlite-file.ts'
import { isKeyThere, sqliteSchemas } from '../../src/adapters/sqlite-schema.ts'
import { SqliteWrappedKeys } from '../../src/adapters/sqlite-wrapped-keys.ts'
import type { WrappedKey } from '../../src/ports/wrapped-keys.ts'
import { emptyFolder } from '../support/folder.ts'
import { freshSqlite } from '../support/fresh-sqlite.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { anew, aWrappedKey, plainBytes, wrappedKeysContract } from './wrapped-keys.contract.ts'

wrappedKeysContract('sqlite', async t => new SqliteWrappedKeys((await freshSqlite(t)).thread))

/** Any 12 bytes in a row of a random blob are found nowhere by chance. */
function isIn(files: readonly Buffer[], blob: Uint8Array): boolean {
  const pieces = [0, Math.floor(blob.length / 2), blob.length - 12].map(at => Buffer.from(blob).subarray(at, at + 12))
  return files.some(file => pieces.some(piece => file.includes(piece)))
}

async function filesOf(folder: string): Promise<readonly Buffer[]> {
  const names = (await readdir(folder)).filter(name => name.startsWith('wrapped-keys'))
  return Promise.all(names.map(name => readFile(join(folder, name))))
}

const blobsOf = (key: WrappedKey | undefined) => key?.edks.map(edk => edk.blob) ?? []

test('bytes of a wrapped key lie in the files before it is destroyed, and in none of them after', async t => {
  const { thread, folder } = await freshSqlite(t)
  const keys = new SqliteWrappedKeys(thread)
  const key = aWrappedKey()
  await keys.put(rawGrant, key)
  assert.ok(isIn(await filesOf(folder), blobsOf(key)[0] ?? new Uint8Array(12)))
  await keys.destroy(rawGrant, [key.id])
  assert.equal(isIn(await filesOf(folder), blobsOf(key)[0] ?? new Uint8Array(12)), false)
})

test('whatever was put, replaced and destroyed in whatever order, only what lives is in the files', async t => {
  const sizes = fc.array(fc.integer({ min: 32, max: 3_000 }), { minLength: 50, maxLength: 400 })
  const fates = fc.infiniteStream(fc.constantFrom('destroyed', 'destroyed', 'replaced', 'kept', 'kept'))
  await fc.assert(
    fc.asyncProperty(sizes, fates, async (lengths, fate) => {
      const { thread, folder } = await freshSqlite(t)
      const keys = new SqliteWrappedKeys(thread)
      const all = lengths.map(size => keyOfSize(size))
      await Promise.all(all.map(key => keys.put(rawGrant, key)))
      const doomed: string[] = []
      const dead: Uint8Array[] = []
      for (const key of all) {
        const end = fate.next().value
        if (end === 'kept') continue
        dead.push(...blobsOf(key))
        if (end === 'destroyed') doomed.push(key.id)
        else assert.ok(await keys.replace(rawGrant, key.id, 'e1', anew('e2', keyOfSize(64).edks)))
      }
      await keys.destroy(rawGrant, doomed)
      const files = await filesOf(folder)
      assert.equal(dead.filter(blob => isIn(files, blob)).length, 0)
      const left = await keys.list({ limit: 1_000 })
      assert.equal(left.length, all.length - doomed.length)
      assert.ok(left.every(key => blobsOf(key).every(blob => isIn(files, blob))))
    }),
    // Each run has a vault's files of its own: a failure is told as it is, and not made smaller by hundreds of others.
    { numRuns: 10, endOnFailure: true },
  )
})

function keyOfSize(size: number): WrappedKey {
  return aWrappedKey({ edks: [{ provider: 'p', info: plainBytes(8), blob: plainBytes(size) }] })
}

test('a file of the first form is brought to the present one with every row, which counts as it was stored', async () => {
  await using folder = await emptyFolder()
  const path = join(folder.path, 'wrapped-keys.sqlite')
  const schema = sqliteSchemas['wrapped-keys']
  const old = new SqliteFile(path, { ...schema, migrations: schema.migrations.slice(0, 1) })
  const blob = plainBytes(60)
  old.database.prepare('INSERT INTO wrapped_key VALUES (?, ?, ?, ?, ?, ?)').run('doc/1', 'acme', 'd-1', 'e1', blob, 7)
  old.close()
  const file = new SqliteFile(path, schema)
  const rows = file.database.prepare('SELECT * FROM wrapped_key').all()
  const row = { id: 'doc/1', tenant: 'acme', document: 'd-1', epoch: 'e1', edks: blob, created_ms: 7 }
  assert.deepEqual(
    rows.map(one => ({ ...one })),
    [{ ...row, rewrap_log: null, rewrap_index: null }],
  )
  const plan = file.database.prepare(
    `EXPLAIN QUERY PLAN SELECT edks FROM wrapped_key WHERE epoch = 'e1' AND tenant = 'acme' AND id > '' AND ${isKeyThere}
      ORDER BY id LIMIT 9`,
  )
  const steps = plan.all().map(({ detail }) => detail)
  assert.deepEqual(steps, ['SEARCH wrapped_key USING INDEX wrapped_key_by_epoch (epoch=? AND tenant=? AND id>?)'])
  file.close()
})
