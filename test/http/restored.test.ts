import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { call } from '../support/call.ts'
import { type Story, storyTenant, tellStory } from '../support/restored-story.ts'
import { runVault, serveVault, settingsIn } from '../support/spawned-vault.ts'

let told: Promise<Story> | undefined
const story = () => {
  told ??= tellStory()
  return told
}
after(async () => (await told)?.[Symbol.asyncDispose]())

/** Settings of a process on a copy in which everything is as it was backed up. */
async function allRestored(): Promise<Record<string, string>> {
  const { folder, restored } = await story()
  const { dataDir, keysDir } = await restored('ledger', 'keys', 'trail', 'blobs')
  return settingsIn(folder, { VAULT_DATA_DIR: dataDir, VAULT_KEYS_DIR: keysDir })
}

const api = [
  ['GET', '/v1/limits'],
  ['GET', '/v1/reviews?state=pending'],
  ['GET', '/v1/trail/entries'],
  ['GET', '/v1/nothing-here'],
] as const

suite('a restored vault as a process', () => {
  test('it answers nothing below /v1, says why, puts nothing on record, and ends with 0', async () => {
    const settings = await allRestored()
    await using server = await serveVault(settings)
    for (const [method, path] of api) {
      const response = await fetch(`${server.url}${path}`, { method, headers: { Authorization: 'Bearer whatever' } })
      assert.equal(response.status, 503, path)
      assert.equal(((await response.json()) as { readonly code: string }).code, 'vault.restored')
    }
    assert.equal((await call(server.url, 'GET', '/livez')).status, 200)
    const ready = await call(server.url, 'GET', '/readyz')
    assert.deepEqual([ready.status, ready.json], [503, { ready: false, failing: ['restored'] }])
    server.process.kill('SIGTERM')
    const ran = await server.ended
    assert.equal(ran.code, 0)
    assert.match(ran.stderr, /restored from a backup \(trail, ledger\)/)
    assert.match(ran.stderr, /"code":"vault.restored"/)
  })

  test('commands that would act are refused, check says what is the matter, and restore-check mends it', async () => {
    const settings = await allRestored()
    const year = new Date((await story()).clock.nowMs()).getUTCFullYear()
    for (const args of [
      ['caller', 'list', '--key-file', '/dev/null'],
      ['backup', '--to', `${settings.VAULT_DATA_DIR}-b`],
    ]) {
      const ran = await runVault(args, settings)
      assert.notEqual(ran.code, 0, args.join(' '))
    }
    const before = await runVault(['check', '--json'], settings)
    assert.equal(before.code, 1)
    const { problems } = JSON.parse(before.stdout) as { readonly problems: readonly { readonly code: string }[] }
    assert.deepEqual(new Set(problems.map(({ code }) => code)), new Set(['store.restored']))

    const mended = await runVault(['restore-check', '--json'], settings)
    assert.equal(mended.code, 0, mended.stderr)
    const { restored, marks, replayed, opened } = JSON.parse(mended.stdout)
    assert.deepEqual([restored, marks, replayed], [['trail', 'ledger'], 3, 2])
    assert.ok(
      opened.includes(`${storyTenant}/${year}.1`) && opened.some((log: string) => log.startsWith('_vault/')),
      String(opened),
    )
    const after = await runVault(['check'], settings)
    assert.equal(after.code, 0, after.stdout)
    assert.equal((await runVault(['trail', 'verify'], settings)).code, 0)
    const again = await runVault(['restore-check'], settings)
    assert.match(again.stdout, / 0 papers destroyed again/)

    await using server = await serveVault(settings)
    assert.equal((await call(server.url, 'GET', '/readyz')).status, 200)
  })
})
