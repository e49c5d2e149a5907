import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { rewrapLease, rewrapLeaseMs } from '../../src/upkeep/continue-epochs.ts'
import { embeddedConfig } from '../support/embedded-config.ts'
import { emptyFolder } from '../support/folder.ts'
import { runVault, serveVault, settingsIn } from '../support/spawned-vault.ts'
import { openWrapped } from '../support/vault-folder.ts'

const tenant = 'jnetot'

interface FirstKey {
  readonly tenant: string
  readonly role: string
  readonly key: string
}

test('keys rotate, rewrap and status on a stopped vault: two persons, one at a time, and the epochs told', async () => {
  await using folder = await emptyFolder()
  const settings = settingsIn(folder.path)
  await using vault = await serveVault(settings)
  const { keys } = JSON.parse(await readFile(join(folder.path, 'data-keys/first-keys.json'), 'utf8'))
  const keyFile = async (role: string): Promise<string> => {
    const path = join(folder.path, role)
    const found = (keys as readonly FirstKey[]).find(one => one.tenant === tenant && one.role === role)
    await writeFile(path, found?.key ?? '', { mode: 0o600 })
    return path
  }
  const [dpo, admin, reviewer] = [await keyFile('dpo'), await keyFile('admin'), await keyFile('reviewer')]
  const run = (...args: readonly string[]) => runVault(['keys', ...args], settings)

  const beside = await run('rewrap')
  assert.equal(beside.code, 3, 'not beside a running vault')
  vault.process.kill('SIGTERM')
  assert.equal((await vault.ended).code, 0)

  const refusals = await Promise.all([run('rotate', '--key-file', dpo), run('status')])
  assert.deepEqual(
    refusals.map(({ code }) => code),
    [2, 2],
  )
  const alone = await run('rotate', '--key-file', dpo, '--second-key-file', dpo)
  assert.deepEqual([alone.code, alone.stderr.trim()], [1, 'role.second-person'])
  const stranger = await run('status', '--key-file', reviewer)
  assert.deepEqual([stranger.code, stranger.stderr.trim()], [1, 'role.not-allowed'])

  const rotated = await run('rotate', '--key-file', dpo, '--second-key-file', admin)
  assert.deepEqual([rotated.code, JSON.parse(rotated.stdout)], [0, { from: 'docs/1', to: 'docs/2' }])
  const config = embeddedConfig(settings)
  {
    await using open = await openWrapped(config)
    const { ledger, clock } = open.vault
    assert.ok(await ledger.takeLease(rewrapLease, 'another', clock.nowMs(), rewrapLeaseMs))
  }
  const second = await run('rewrap')
  assert.deepEqual([second.code, second.stderr.trim()], [3, 'Another process is rewrapping keys now.'])
  {
    await using open = await openWrapped(config)
    await open.vault.ledger.dropLease(rewrapLease, 'another')
  }
  const done = await run('rewrap')
  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stderr, /^jnetot: 0 of 0 data keys$/m)
  const { items } = JSON.parse((await run('status', '--key-file', dpo)).stdout)
  const shown = items.map(
    (one: { epoch: string; state: string; keys: number }) => `${one.epoch} ${one.state} ${one.keys}`,
  )
  assert.deepEqual(shown, ['docs/1 former 0', 'docs/2 active 0'])
  for (const command of ['rotate', 'rewrap', 'status', 'init']) {
    const help = await run(command, '--help')
    assert.equal(help.code, 0)
    assert.match(help.stdout, new RegExp(`^Usage: keys ${command}`))
  }
})
