import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FirstKey } from '../../src/access/first-keys.ts'
import { paper } from '../support/call.ts'
import { emptyFolder } from '../support/folder.ts'
import { noisePicture, tenantId } from '../support/house-work.ts'
import { runVault, serveVault, settingsIn } from '../support/spawned-vault.ts'

test('check says in words, JSON and exit code what holds, what does not, and when it cannot tell', async () => {
  await using own = await emptyFolder()
  const settings = settingsIn(own.path)
  const nowhere = await runVault(['check'], settings)
  assert.equal(nowhere.code, 3, 'there is no vault, and none is made')
  assert.deepEqual(readdirSync(own.path), [])

  let document: string
  {
    await using server = await serveVault(settings)
    document = await uploadOne(server.url, own.path)
    const running = await runVault(['check'], settings)
    assert.equal(running.code, 3)
    assert.match(running.stderr, /a vault is running on this data folder/)
    server.process.kill('SIGTERM')
    assert.equal((await server.ended).code, 0)
  }

  const whole = await runVault(['check'], settings)
  assert.equal(whole.code, 0, whole.stdout)
  assert.match(whole.stdout, /^1 papers, 1 wrapped keys, 1 sealed bodies.*: everything holds together\n$/)
  const quick = await runVault(['check', '--quick', '--json'], settings)
  assert.equal(quick.code, 0)
  const { ok, problems, counts } = JSON.parse(quick.stdout)
  assert.deepEqual(
    { ok, problems, stored: counts.stored, hashed: counts.hashedBytes },
    {
      ok: true,
      problems: [],
      stored: 1,
      hashed: 0,
    },
  )

  const blob = onlyBlobIn(join(own.path, 'data/blobs'))
  rmSync(join(own.path, 'data/blobs', blob))
  const words = await runVault(['check'], settings)
  assert.equal(words.code, 1)
  assert.match(words.stdout, new RegExp(`^blob.missing tenant=${tenantId} document=${document} blob=${blob}: `))
  const json = await runVault(['check', '--json'], settings)
  assert.equal(json.code, 1)
  assert.deepEqual(JSON.parse(json.stdout).problems, [{ code: 'blob.missing', tenant: tenantId, document, blob }])

  rmSync(join(own.path, 'data/trail.sqlite'))
  const gone = await runVault(['check', '--json'], settings)
  assert.equal(gone.code, 1)
  assert.deepEqual(JSON.parse(gone.stdout).problems, [{ code: 'file.missing', file: 'data/trail.sqlite' }])

  assert.equal((await runVault(['check', '--nonsense'], settings)).code, 2)
})

async function uploadOne(url: string, folder: string): Promise<string> {
  const text = await readFile(join(folder, 'data-keys/first-keys.json'), 'utf8')
  const { keys } = JSON.parse(text) as { keys: FirstKey[] }
  const key = keys.find(({ tenant, role }) => tenant === tenantId && role === 'onboarding')?.key
  const response = await fetch(`${url}/v1/subjects/someone/documents`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${key}`, 'Idempotency-Key': 'one' },
    body: paper({ type: 'id', kind: 'passport' }, await noisePicture(1)),
  })
  assert.equal(response.status, 201)
  return ((await response.json()) as { id: string }).id
}

function onlyBlobIn(folder: string): string {
  const [name, ...others] = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(path =>
    /[0-9a-f]{64}$/.test(path),
  )
  assert.ok(name !== undefined && others.length === 0)
  return name
}
