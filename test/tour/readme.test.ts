import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { drawAddressProof, drawIdCard, drawSelfie } from '../support/papers.ts'
import { startVault } from './running-vault.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, script = '']) => script)
const curl = spawnSync('curl', ['--version']).status === 0 && spawnSync('bash', ['--version']).status === 0
const skip = curl ? false : 'the README walks with curl and bash: one of them is not there'
if (!curl && process.env.VAULT_TEST_REQUIRE === 'all') throw new Error(skip || '')

// The jobs have their turn ten seconds after the start, and then each minute: a slow machine may miss the first.
test('the tour of the README does, line by line, what the README says', { skip, timeout: 180_000 }, async () => {
  using vault = await startVault()
  const { folder } = vault
  writeFileSync(join(folder, 'id.jpg'), await drawIdCard())
  writeFileSync(join(folder, 'address.pdf'), drawAddressProof())
  writeFileSync(join(folder, 'selfie.jpg'), await drawSelfie())
  const script = blocks
    .join('\n')
    .replace('base=http://127.0.0.1:8080', `base=${vault.url}`)
    .replace('keys=vault-data-keys/first-keys.json', 'keys=data-keys/first-keys.json')
    .replaceAll(/^curl /gm, "curl -w '\\n@%{http_code}\\n' ")
  const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  const statuses = [...stdout.matchAll(/^@(\d{3})$/gm)].map(([, found]) => Number(found))
  assert.deepEqual(
    statuses,
    [
      202, 201, 201, 201, 200, 200, 200, 201, 403, 403, 403, 404, 200, 202, 202, 200, 200, 200, 200, 202, 200, 200, 202,
      200, 410,
    ],
    stdout,
  )
  assert.match(stdout, /^vault-receipt: /im)
  assert.match(stdout, /"heldBy":\[\{"id":"[0-9a-f-]+\.1","kind":"legal_order","case":"WRIT-1"\}\]/)
  assert.match(stdout, /"due":\{"on":"2025-07-01",.*"waits":\{"for":"late-fact","until":"\d{4}-\d\d-\d\d"\}/)
  assert.match(stdout, /"basis":"term:identity-records","dueOn":"2025-07-01","policyVersion":1/)
  assert.match(stdout, /"outcome":"shredded","until":"\d{4}-\d\d-\d\d","ground":"shred"/)
  assert.deepEqual([...readFileSync(join(folder, 'seen.jpg')).subarray(0, 3)], [0xff, 0xd8, 0xff])
  for (const code of ['role.not-assigned', 'purpose.missing', 'role.not-allowed']) {
    assert.match(stdout, new RegExp(`"why":"${code}"`), `the trail should show the refusal ${code}`)
  }
  assert.equal(await vault.stop(), 0)
  assert.equal(vault.command('check').code, 0)
})
