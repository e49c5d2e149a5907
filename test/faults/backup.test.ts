import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FirstKey } from '../../src/access/first-keys.ts'
import { paper } from '../support/call.ts'
import { emptyFolder } from '../support/folder.ts'
import { noisePicture, tenantId } from '../support/house-work.ts'
import { runVault, serveVault, settingsIn } from '../support/spawned-vault.ts'

interface Place {
  readonly url: string
  readonly keysDir: string
}

async function keyOf({ keysDir }: Place, role: string): Promise<string> {
  const { keys } = JSON.parse(await readFile(join(keysDir, 'first-keys.json'), 'utf8')) as { keys: FirstKey[] }
  return keys.find(key => key.tenant === tenantId && key.role === role)?.key ?? assert.fail(role)
}

/** Stores a picture of noise. @returns its id */
async function upload(place: Place, seed: number): Promise<string> {
  const response = await fetch(`${place.url}/v1/subjects/person-${seed % 7}/documents`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${await keyOf(place, 'onboarding')}`, 'Idempotency-Key': `paper-${seed}` },
    body: paper({ type: 'id', kind: 'passport' }, await noisePicture(seed)),
  })
  assert.equal(response.status, 201, await response.clone().text())
  const { id } = (await response.json()) as { readonly id: string }
  return id
}

async function read(place: Place, id: string): Promise<Buffer> {
  const headers = {
    Authorization: `Bearer ${await keyOf(place, 'senior-reviewer')}`,
    'Vault-Purpose': 'kyc',
    'Vault-Case': 'CASE-1',
  }
  const response = await fetch(`${place.url}/v1/documents/${id}/content`, { headers })
  assert.equal(response.status, 200)
  return Buffer.from(await response.arrayBuffer())
}

/** A data folder as the runbook makes it of a backup, beside the same key folder. */
async function restoreInto(folder: string, backup: string, keysDir: string): Promise<Record<string, string>> {
  await cp(join(backup, 'data'), join(folder, 'data'), { recursive: true })
  await cp(join(backup, 'wrapped-keys'), join(folder, 'data'), { recursive: true })
  return settingsIn(folder, { VAULT_KEYS_DIR: keysDir })
}

test('a vault that serves and takes papers is copied, and the copy has every paper from before', async () => {
  await using own = await emptyFolder()
  const keysDir = join(own.path, 'data-keys')
  const settings = settingsIn(own.path)
  const backup = join(own.path, 'backup')
  const before = new Map<string, Buffer>()
  const meanwhile: string[] = []
  {
    await using server = await serveVault(settings)
    const place = { url: server.url, keysDir }
    for (let seed = 0; seed < 5; seed++) {
      const id = await upload(place, seed)
      before.set(id, await read(place, id))
    }
    const copying = runVault(['backup', '--to', backup], settings)
    let isDone = false
    void copying.then(() => {
      isDone = true
    })
    for (let seed = 5; !isDone; seed++) meanwhile.push(await upload(place, seed))
    const ran = await copying
    assert.equal(ran.code, 0, ran.stderr)
    assert.match(ran.stderr, /is running/)
    for (const id of meanwhile) await read(place, id)
    server.process.kill('SIGTERM')
    assert.equal((await server.ended).code, 0)
  }
  assert.ok(meanwhile.length > 0)
  await using other = await emptyFolder()
  const restored = await restoreInto(other.path, backup, keysDir)
  assert.equal((await runVault(['restore-check'], restored)).code, 0)
  const checked = await runVault(['check', '--json'], restored)
  const { problems } = JSON.parse(checked.stdout) as { problems: { code: string; document: string }[] }
  // Stored while the copy was made: the trail, copied last, tells of them, the rows, copied first, do not know them.
  for (const { code, document } of problems) {
    assert.equal(code, 'document.lost')
    assert.ok(meanwhile.includes(document))
  }
  assert.equal((await runVault(['trail', 'verify'], restored)).code, 0)
  await using server = await serveVault(restored)
  for (const [id, bytes] of before) assert.deepEqual(await read({ url: server.url, keysDir }, id), bytes)
})

test('a vault that is stopped is copied on record, and its copy holds together', async () => {
  await using own = await emptyFolder()
  const keysDir = join(own.path, 'data-keys')
  const settings = settingsIn(own.path)
  {
    await using server = await serveVault(settings)
    for (let seed = 0; seed < 3; seed++) await upload({ url: server.url, keysDir }, seed)
    server.process.kill('SIGTERM')
    await server.ended
  }
  const backup = join(own.path, 'backups', 'first')
  const ran = await runVault(['backup', '--to', backup, '--json'], settings)
  assert.equal(ran.code, 0, ran.stderr)
  const { papers, wrappedKeys, bodies, destroyedMeanwhile } = JSON.parse(ran.stdout)
  assert.deepEqual([papers, wrappedKeys, bodies, destroyedMeanwhile], [3, 3, 3, 0])
  assert.equal(JSON.parse(await readFile(join(backup, 'backup.json'), 'utf8')).papers, 3)
  assert.deepEqual(readdirSync(backup).toSorted(), ['backup.json', 'data', 'wrapped-keys'])
  assert.deepEqual(readdirSync(join(backup, 'wrapped-keys')), ['wrapped-keys.sqlite'])
  assert.deepEqual(readdirSync(join(backup, 'data')).toSorted(), ['blobs', 'ledger.sqlite', 'trail.sqlite'])
  for (const file of ['data/ledger.sqlite', 'wrapped-keys/wrapped-keys.sqlite', 'data/trail.sqlite', 'backup.json']) {
    assert.equal((await stat(join(backup, file))).mode & 0o777, 0o600, file)
  }
  await using other = await emptyFolder()
  const restored = await restoreInto(other.path, backup, keysDir)
  const checked = await runVault(['check'], restored)
  assert.equal(checked.code, 0, checked.stdout)
  const verified = await runVault(['trail', 'verify', '--owner', '_vault'], restored)
  assert.equal(verified.code, 0)
})

test('a target that is taken, or lies in the vault, is refused, and nothing is made there', async () => {
  await using own = await emptyFolder()
  const settings = settingsIn(own.path)
  {
    await using server = await serveVault(settings)
    server.process.kill('SIGTERM')
    await server.ended
  }
  const taken = join(own.path, 'taken')
  await mkdir(taken)
  await writeFile(join(taken, 'something'), '')
  for (const to of [taken, join(own.path, 'data', 'x'), join(own.path, 'data-keys', 'x'), own.path, '']) {
    const ran = await runVault(['backup', '--to', to], settings)
    assert.equal(ran.code, 2, to)
  }
  assert.deepEqual(readdirSync(taken), ['something'])
  assert.ok(!existsSync(join(own.path, 'data', 'x')) && !existsSync(join(own.path, 'data-keys', 'x')))
  assert.equal((await runVault(['backup'], settings)).code, 2)
  assert.equal((await runVault(['backup', '--help'], settings)).code, 0)
})

test('a vault that lost a body or a key is not said to be copied', async () => {
  await using own = await emptyFolder()
  const settings = settingsIn(own.path)
  {
    await using server = await serveVault(settings)
    await upload({ url: server.url, keysDir: join(own.path, 'data-keys') }, 1)
    server.process.kill('SIGTERM')
    await server.ended
  }
  await rm(join(own.path, 'data', 'blobs'), { recursive: true })
  const ran = await runVault(['backup', '--to', join(own.path, 'backup')], settings)
  assert.equal(ran.code, 3)
  assert.match(ran.stderr, /no key or no body/)
  assert.ok(!existsSync(join(own.path, 'backup', 'backup.json')))
})
