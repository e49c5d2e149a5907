import assert from 'node:assert/strict'
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { emptyFolder } from '../support/folder.ts'
import { runVault, serveVault, settingsIn } from '../support/spawned-vault.ts'

interface FirstKeys {
  readonly keys: readonly {
    readonly tenant: string
    readonly role: string
    readonly person: string
    readonly key: string
  }[]
}

async function firstKeys(folder: string): Promise<FirstKeys> {
  return JSON.parse(await readFile(join(folder, 'data-keys', 'first-keys.json'), 'utf8'))
}

async function keyOf(folder: string, tenant: string, role: string): Promise<string> {
  const found = (await firstKeys(folder)).keys.find(key => key.tenant === tenant && key.role === role)
  return found?.key ?? assert.fail(`no key of ${tenant} ${role}`)
}

/** Writes a credential file (0600) and gives its path. */
async function credentialFile(folder: string, tenant: string, role: string): Promise<string> {
  const path = join(folder, `${tenant}-${role}.key`)
  await writeFile(path, `${await keyOf(folder, tenant, role)}\n`, { mode: 0o600 })
  return path
}

const limitsAs = (url: string, key: string) =>
  fetch(`${url}/v1/limits`, { headers: { Authorization: `Bearer ${key}` } })

suite('a vault as a process', () => {
  test('it prints one line, answers, and ends with 0 on SIGTERM', async () => {
    await using folder = await emptyFolder()
    await using vault = await serveVault(settingsIn(folder.path))
    assert.equal((await fetch(`${vault.url}/livez`, { signal: AbortSignal.timeout(1_000) })).status, 200)
    assert.equal((await fetch(`${vault.url}/readyz`)).status, 200)
    vault.process.kill('SIGTERM')
    const ran = await vault.ended
    assert.equal(ran.code, 0)
    assert.equal(ran.stdout, `listening on ${vault.url}\n`)
    for (const line of ran.stderr.trimEnd().split('\n')) assert.ok(JSON.parse(line))
  })

  test('SIGINT ends it with 0 too, and nothing is left that says it serves', async () => {
    await using folder = await emptyFolder()
    await using vault = await serveVault(settingsIn(folder.path))
    const serving = JSON.parse(await readFile(join(folder.path, 'data', 'serving.json'), 'utf8'))
    assert.deepEqual(serving, { url: vault.url, pid: vault.process.pid })
    vault.process.kill('SIGINT')
    assert.equal((await vault.ended).code, 0)
    await assert.rejects(stat(join(folder.path, 'data', 'serving.json')), { code: 'ENOENT' })
  })

  test('the first start makes a private data folder, key file and one key for each tenant and role, and prints no key', async () => {
    await using folder = await emptyFolder()
    await using vault = await serveVault(settingsIn(folder.path))
    const modeOf = async (path: string) => (await stat(join(folder.path, path))).mode & 0o777
    for (const path of ['data', 'data-keys', 'data/blobs']) assert.equal(await modeOf(path), 0o700, path)
    for (const path of [
      'data-keys/first-keys.json',
      'data-keys/keyring.json',
      'data/serving.json',
      'data/ledger.sqlite',
    ]) {
      assert.equal(await modeOf(path), 0o600, path)
    }
    const { keys } = await firstKeys(folder.path)
    assert.equal(keys.length, 27)
    assert.equal(new Set(keys.map(({ person }) => person)).size, 27)
    for (const { key } of keys) assert.equal((await limitsAs(vault.url, key)).status, 200)
    vault.process.kill('SIGTERM')
    const { stdout, stderr } = await vault.ended
    for (const { key } of keys) assert.ok(!(stdout + stderr).includes(key))
  })

  test('a restart keeps keys and key file, and makes no new ones', async () => {
    await using folder = await emptyFolder()
    const settings = settingsIn(folder.path)
    const key = await (async () => {
      await using vault = await serveVault(settings)
      vault.process.kill('SIGTERM')
      assert.equal((await vault.ended).code, 0)
      return keyOf(folder.path, 'omo7777', 'reviewer')
    })()
    const ring = await readFile(join(folder.path, 'data-keys', 'keyring.json'))
    await rm(join(folder.path, 'data-keys', 'first-keys.json'))
    await using vault = await serveVault(settings)
    assert.equal((await limitsAs(vault.url, key)).status, 200)
    assert.ok(ring.equals(await readFile(join(folder.path, 'data-keys', 'keyring.json'))))
    await assert.rejects(stat(join(folder.path, 'data-keys', 'first-keys.json')), { code: 'ENOENT' })
  })

  test('after SIGKILL it starts again on the same folder', async () => {
    await using folder = await emptyFolder()
    const settings = settingsIn(folder.path)
    {
      await using vault = await serveVault(settings)
      vault.process.kill('SIGKILL')
      assert.equal((await vault.ended).signal, 'SIGKILL')
    }
    await using vault = await serveVault(settings)
    assert.equal((await fetch(`${vault.url}/readyz`)).status, 200)
  })

  test('a second vault on the same data folder is refused in words while the first goes on', async () => {
    await using folder = await emptyFolder()
    const settings = settingsIn(folder.path)
    await using vault = await serveVault(settings)
    const second = await runVault(['serve'], settings)
    assert.equal(second.code, 3)
    assert.match(second.stderr, /another process of the vault holds the data folder/)
    assert.equal((await fetch(`${vault.url}/readyz`)).status, 200)
  })

  test('a lost key file beside a data folder refuses the start, and none is made', async () => {
    await using folder = await emptyFolder()
    const settings = settingsIn(folder.path)
    {
      await using vault = await serveVault(settings)
      vault.process.kill('SIGTERM')
      await vault.ended
    }
    const path = join(folder.path, 'data-keys', 'keyring.json')
    await rm(path)
    const refusal = await runVault(['serve'], settings)
    assert.equal(refusal.code, 2)
    assert.match(refusal.stderr, /VAULT_KEYS_DIR: the key file is missing, but the data folder is not empty/)
    await assert.rejects(stat(path), { code: 'ENOENT' })
  })

  test('a port that is taken refuses the start in words', async () => {
    await using folder = await emptyFolder()
    const taken = createServer()
    const port = await new Promise<number>(resolve => {
      taken.listen(0, '127.0.0.1', () => {
        const address = taken.address()
        resolve(typeof address === 'object' && address ? address.port : 0)
      })
    })
    const refusal = await runVault(['serve'], settingsIn(folder.path, { VAULT_PORT: String(port) }))
    taken.close()
    assert.equal(refusal.code, 2)
    assert.match(refusal.stderr, /VAULT_HOST, VAULT_PORT: cannot be listened on \(EADDRINUSE\)/)
  })

  test('every wrong setting is named at once and nothing is made', async () => {
    await using folder = await emptyFolder()
    const refusal = await runVault(['serve'], settingsIn(folder.path, { VAULT_PORT: 'x', VAULT_COLOUR: 'red' }))
    assert.equal(refusal.code, 2)
    assert.match(refusal.stderr, /VAULT_PORT: /)
    assert.match(refusal.stderr, /VAULT_COLOUR: is not a setting/)
    await assert.rejects(stat(join(folder.path, 'data')), { code: 'ENOENT' })
  })
})

suite('the command line', () => {
  test('every command explains itself, and an unknown one or option is wrong use', async () => {
    await using folder = await emptyFolder()
    const settings = settingsIn(folder.path)
    const help = await runVault(['help'], settings)
    assert.equal(help.code, 0)
    const names = [
      'serve',
      'check',
      'trail verify',
      'caller add',
      'caller list',
      'caller revoke',
      'export-document',
      'config',
    ]
    for (const name of names) {
      assert.ok(help.stdout.includes(`  ${name} `), name)
      const own = await runVault([...name.split(' '), '--help'], settings)
      assert.equal(own.code, 0, name)
      assert.match(own.stdout, /^Usage: /)
      assert.equal((await runVault([...name.split(' '), '--nonsense'], settings)).code, 2, name)
    }
    assert.equal((await runVault(['open-sesame'], settings)).code, 2)
    await assert.rejects(stat(join(folder.path, 'data')), { code: 'ENOENT' })
  })

  test('commands on a folder without a vault say so and make none', async () => {
    await using folder = await emptyFolder()
    const settings = settingsIn(folder.path)
    assert.equal((await runVault(['trail', 'verify'], settings)).code, 3)
    await assert.rejects(stat(join(folder.path, 'data')), { code: 'ENOENT' })
  })

  test('keys are made, listed and revoked by two persons, through the running vault and without it', async () => {
    await using folder = await emptyFolder()
    const settings = settingsIn(folder.path)
    const vault = await serveVault(settings)
    const files = async (first: string, second: string) => [
      '--key-file',
      await credentialFile(folder.path, 'omo7777', first),
      '--second-key-file',
      await credentialFile(folder.path, 'omo7777', second),
    ]
    const two = await files('dpo', 'admin')
    const newKey = ['--person', 'p-9', '--kind', 'person', '--role', 'reviewer']
    for (const running of [true, false]) {
      if (!running) {
        vault.process.kill('SIGTERM')
        assert.equal((await vault.ended).code, 0)
      }
      const alone = await runVault(['caller', 'add', ...newKey, ...two.slice(0, 2)], settings)
      assert.equal(alone.code, 1)
      assert.match(alone.stderr, /role\.second-person/)
      const added = await runVault(['caller', 'add', ...newKey, ...two], settings)
      assert.equal(added.code, 0, added.stderr)
      const { key, caller } = JSON.parse(added.stdout)
      assert.match(key, /^kv_/)
      const listed = await runVault(['caller', 'list', ...two.slice(0, 2)], settings)
      const ids = JSON.parse(listed.stdout).items.map(({ keyId }: { keyId: string }) => keyId)
      assert.ok(ids.includes(caller.keyId))
      assert.ok(!listed.stdout.includes(key))
      const revoked = await runVault(['caller', 'revoke', '--key-id', caller.keyId, ...two], settings)
      assert.equal(revoked.code, 0, revoked.stderr)
      if (running) assert.equal((await limitsAs(vault.url, key)).status, 401)
      const unknown = await runVault(['caller', 'revoke', '--key-id', '0'.repeat(16), ...two], settings)
      assert.equal(unknown.code, 1)
      assert.match(unknown.stderr, /caller\.unknown/)
    }
    assert.equal((await runVault(['trail', 'verify'], settings)).code, 0)
  })

  test('a credential file that others may read is refused before it is read', async () => {
    await using folder = await emptyFolder()
    const path = join(folder.path, 'open.key')
    await writeFile(path, 'kv_x')
    await chmod(path, 0o644)
    const refusal = await runVault(['caller', 'list', '--key-file', path], settingsIn(folder.path))
    assert.equal(refusal.code, 2)
    assert.match(refusal.stderr, /must be 0600/)
  })

  test('what works on the data folder alone is refused in words while a vault runs', async () => {
    await using folder = await emptyFolder()
    const settings = settingsIn(folder.path)
    await using vault = await serveVault(settings)
    assert.ok(vault.url)
    for (const command of [['trail', 'verify'], ['check']]) {
      const refusal = await runVault(command, settings)
      assert.equal(refusal.code, 3, command.join(' '))
      assert.match(refusal.stderr, /a vault is running on this data folder/)
    }
  })
})
