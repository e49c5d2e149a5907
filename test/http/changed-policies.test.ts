import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { type CallOptions, call, paper } from '../support/call.ts'
import { emptyFolder } from '../support/folder.ts'
import { noisePicture } from '../support/house-work.ts'
import { serveVault, settingsIn } from '../support/spawned-vault.ts'
import { tenantsIn } from '../support/tenants-in.ts'

const reading = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }

/** One data folder, served again and again as its tenants' files change. */
async function place() {
  const folder = await emptyFolder()
  const tenantsDir = await tenantsIn(folder.path, 'ap-southeast-1')
  const path = join(tenantsDir, 'jnetot.json')
  const read = async () => JSON.parse(await readFile(path, 'utf8'))
  return {
    read,
    /** Changes members of jnetot's policy; `keep` leaves its clocks behind as those of an earlier version. */
    change: async (more: object, keep = false) => {
      const former = await read()
      const { version, zone, retention, deletion } = former
      if (keep) {
        await mkdir(join(tenantsDir, 'jnetot'), { recursive: true })
        const clocks = JSON.stringify({ version, zone, retention, deletion })
        await writeFile(join(tenantsDir, `jnetot/${version}.json`), clocks)
      }
      await writeFile(path, JSON.stringify({ ...former, ...(keep ? { version: version + 1 } : {}), ...more }))
    },
    /** Serves while `use` asks. @returns what the log said */
    served: async (
      use: (
        ask: (role: string, method: string, path: string, more?: CallOptions) => ReturnType<typeof call>,
      ) => Promise<void>,
    ) => {
      const settings = settingsIn(folder.path, { VAULT_TENANTS_DIR: tenantsDir })
      await using vault = await serveVault(settings)
      const { keys } = JSON.parse(await readFile(join(folder.path, 'data-keys/first-keys.json'), 'utf8'))
      const keyOf = (role: string): string =>
        keys.find((one: { tenant: string; role: string }) => one.tenant === 'jnetot' && one.role === role).key
      await use((role, method, at, more = {}) => call(vault.url, method, at, { key: keyOf(role), ...more }))
      vault.process.kill('SIGTERM')
      const { stderr } = await vault.ended
      return stderr
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line))
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

const upload = async (seed: number): Promise<CallOptions> => ({
  headers: { 'Idempotency-Key': `paper-${seed}` },
  body: paper({ type: 'id', kind: 'passport' }, await noisePicture(seed, 32)),
})

suite('policies that change between two starts', () => {
  test('a tenant that lost its licence takes no papers; what it has is read, falls due and is told of', async () => {
    await using at = await place()
    let id = ''
    const closed = { type: 'closed', at: '2026-03-10T00:00:00Z' }
    const started = await at.served(async ask => {
      id = (await ask('onboarding', 'POST', '/v1/subjects/p-1/documents', await upload(1))).json.id
      await ask('onboarding', 'POST', '/v1/subjects/p-1/events', {
        headers: { 'Idempotency-Key': 'e-1' },
        json: closed,
      })
    })
    const membersTold = (lines: readonly { msg: string; tenant?: string; member?: string }[], word: string) =>
      lines.flatMap(({ msg, tenant, member }) => (msg.includes(word) && tenant === 'jnetot' ? [member] : []))
    assert.deepEqual(membersTold(started, 'inactive'), [])
    assert.deepEqual(membersTold(started, 'trying out').slice(0, 2), ['jurisdiction', 'licence'])

    await at.change({ licence: undefined })
    const again = await at.served(async ask => {
      const refused = await ask('onboarding', 'POST', '/v1/subjects/p-2/documents', await upload(2))
      assert.deepEqual([refused.status, refused.json.code], [403, 'tenant.inactive'])
      const entries = await ask('auditor', 'GET', '/v1/trail/entries?limit=5', { headers: reading })
      const denied = entries.json.items.find(({ entry }: { entry: { out: string } }) => entry.out === 'deny')
      assert.deepEqual([denied?.entry.act, denied?.entry.why], ['document.deposit', 'tenant.inactive'])
      assert.equal(
        (await ask('senior-reviewer', 'GET', `/v1/documents/${id}/content`, { headers: reading })).status,
        200,
      )
      assert.equal((await ask('dpo', 'GET', `/v1/documents/${id}`)).json.due.on, '2033-03-11')
      const told = { headers: { 'Idempotency-Key': 'e-2' }, json: { type: 'reopened', at: '2026-04-10T00:00:00Z' } }
      assert.equal((await ask('onboarding', 'POST', '/v1/subjects/p-1/events', told)).status, 202)
    })
    assert.deepEqual(membersTold(again, 'inactive'), ['licence'])
  })

  test('a paper keeps the shortest promise of its versions, and never less than what today asks by law', async () => {
    await using at = await place()
    const ids: string[] = []
    const dueOf = async (ask: Parameters<Parameters<typeof at.served>[0]>[0], index: number) => {
      const { policyVersion, due, decidedBy } = (await ask('dpo', 'GET', `/v1/documents/${ids[index]}`)).json
      return [policyVersion, due.on, decidedBy]
    }
    const store = async (ask: Parameters<Parameters<typeof at.served>[0]>[0], seed: number) => {
      const person = `/v1/subjects/p-${seed}`
      ids.push((await ask('onboarding', 'POST', `${person}/documents`, await upload(seed))).json.id)
      const json = { type: 'closed', at: '2026-03-10T00:00:00Z' }
      await ask('onboarding', 'POST', `${person}/events`, { headers: { 'Idempotency-Key': `e-${seed}` }, json })
    }
    await at.served(ask => store(ask, 1))
    const { retention } = await at.read()
    const withId = (more: object) => ({ retention: { ...retention, id: { ...retention.id, ...more } } })

    await at.change(withId({ years: 9 }), true)
    await at.served(async ask => {
      await store(ask, 2)
      assert.deepEqual(await dueOf(ask, 0), [1, '2033-03-11', 1])
      assert.deepEqual(await dueOf(ask, 1), [2, '2035-03-11', 2])
    })
    await at.change(withId({ years: 6 }), true)
    await at.served(async ask => {
      assert.deepEqual(await dueOf(ask, 0), [1, '2032-03-11', 3])
      assert.deepEqual(await dueOf(ask, 1), [2, '2032-03-11', 3])
    })
    await at.change(withId({ years: 10, floorYears: 8 }), true)
    await at.served(async ask => {
      assert.deepEqual(await dueOf(ask, 0), [1, '2034-03-11', 4])
    })
  })
})
