import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FirstKey } from '../../src/access/first-keys.ts'
import { call, paper } from '../support/call.ts'
import { emptyFolder } from '../support/folder.ts'
import { noisePicture } from '../support/house-work.ts'
import { runVault, serveVault, settingsIn } from '../support/spawned-vault.ts'

test('purge plan, approve, status and execute, through a running vault and without one', async () => {
  await using folder = await emptyFolder()
  const settings = settingsIn(folder.path)
  const purge = (...args: readonly string[]) => runVault(['purge', ...args], settings)
  const file = (role: string): string => join(folder.path, `${role}.key`)
  let plan: { id: string; planHash: string; count: number }
  {
    await using vault = await serveVault(settings)
    const text = await readFile(join(folder.path, 'data-keys', 'first-keys.json'), 'utf8')
    const { keys } = JSON.parse(text) as { readonly keys: readonly FirstKey[] }
    const keyOf = (role: string) => keys.find(key => key.tenant === 'jnetot' && key.role === role)?.key ?? assert.fail()
    for (const role of ['dpo', 'purge']) await writeFile(file(role), `${keyOf(role)}\n`, { mode: 0o600 })
    const onboarding = { key: keyOf('onboarding'), headers: { 'Idempotency-Key': 'one' } }
    const form = paper({ type: 'id', kind: 'passport' }, await noisePicture(1, 32))
    assert.equal(
      (await call(vault.url, 'POST', '/v1/subjects/p-1/documents', { ...onboarding, body: form })).status,
      201,
    )
    const json = { type: 'closed', at: '2005-01-01T00:00:00Z' }
    assert.equal((await call(vault.url, 'POST', '/v1/subjects/p-1/events', { ...onboarding, json })).status, 202)

    const planned = await purge('plan', '--key-file', file('dpo'))
    assert.equal(planned.code, 0, planned.stderr)
    plan = JSON.parse(planned.stdout)
    assert.equal(plan.count, 1)
    const own = await purge('approve', '--run', plan.id, '--plan-hash', plan.planHash, '--key-file', file('dpo'))
    assert.deepEqual([own.code, own.stderr.split(':')[0]], [1, 'purge.same-person'])
    const early = await purge('execute', '--plan-hash', plan.planHash, '--key-file', file('purge'))
    assert.deepEqual([early.code, early.stderr.split(':')[0]], [1, 'purge.state'])
    const status = await purge('status', '--run', plan.id, '--key-file', file('dpo'))
    assert.deepEqual([status.code, JSON.parse(status.stdout).state], [0, 'planned'])
    vault.process.kill('SIGTERM')
    await vault.ended
  }
  // No vault runs now: the same commands do it here. The role of the purge plans, and a person approves.
  const planned = await purge('plan', '--key-file', file('purge'))
  assert.equal(planned.code, 0, planned.stderr)
  const { id, planHash } = JSON.parse(planned.stdout)
  const approved = await purge('approve', '--run', id, '--plan-hash', planHash, '--key-file', file('dpo'))
  assert.deepEqual([approved.code, JSON.parse(approved.stdout).state], [0, 'approved'], approved.stderr)
  const executed = await purge('execute', '--plan-hash', planHash, '--key-file', file('purge'))
  assert.equal(executed.code, 0, executed.stderr)
  const { state, destroyed } = JSON.parse(executed.stdout)
  assert.deepEqual([state, destroyed], ['done', 1])
  const listed = await purge('status', '--key-file', file('dpo'))
  assert.deepEqual(
    JSON.parse(listed.stdout).items.map((run: { state: string }) => run.state),
    ['done', 'stale'],
  )
  assert.equal((await purge('execute', '--plan-hash', 'no hash', '--key-file', file('purge'))).code, 2)
  assert.equal((await purge('plan', '--as-of', 'someday', '--key-file', file('dpo'))).code, 2)
  const checked = await runVault(['check'], settings)
  assert.equal(checked.code, 0, checked.stdout)
})
