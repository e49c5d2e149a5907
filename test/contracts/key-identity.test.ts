import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadTenants } from '../../src/adapters/file-tenants.ts'
import { KeyIdentity } from '../../src/adapters/key-identity.ts'
import { openKeyfileKeyring } from '../../src/adapters/keyfile-keyring.ts'
import { SqliteLedger } from '../../src/adapters/sqlite-ledger.ts'
import { openSqlite } from '../../src/adapters/sqlite-thread.ts'
import { type ApiKey, apiKeyMacMessage } from '../../src/domain/caller.ts'
import type { PersonId, TenantId } from '../../src/domain/ids.ts'
import { newApiKeyText } from '../../src/guards/api-key-text.ts'
import { emptyFolder } from '../support/folder.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { type IdentityFixture, identityContract } from './identity.contract.ts'

const tenantsDir = join(import.meta.dirname, '../../infra/tenants')

async function open(): Promise<IdentityFixture & { readonly asked: { readonly keys: string[]; macs: number } }> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await emptyFolder())
  const keyring = await openKeyfileKeyring({ keysDir: join(folder.path, 'keys'), dataDir: join(folder.path, 'data') })
  const ledger = new SqliteLedger(stack.use(await openSqlite(join(folder.path, 'data'))))
  const asked = { keys: [] as string[], macs: 0 }
  const identity = new KeyIdentity({
    ledger: {
      findApiKey: keyId => {
        asked.keys.push(keyId)
        return ledger.findApiKey(keyId)
      },
    },
    keyring: {
      mac: (purpose, message) => {
        asked.macs++
        return keyring.mac(purpose, message)
      },
    },
    tenants: await loadTenants(tenantsDir),
  })
  const issue: IdentityFixture['issue'] = async ({ person, roles, tenant = 'omo7777' }) => {
    const { keyId, secret, text } = newApiKeyText()
    const mac = await keyring.mac('door', apiKeyMacMessage(keyId, secret))
    const row: ApiKey = {
      keyId,
      tenant: tenant as TenantId,
      person: person as PersonId,
      kind: 'person',
      roles,
      secretMac: Buffer.from(mac).toString('base64url'),
      createdAtMs: 1_000,
      version: 1,
    }
    assert.ok((await ledger.commit(rawGrant, [{ row: 'key', expected: 0, put: row }])).done)
    const revoke = async () => {
      const put = { ...row, revokedAtMs: 2_000, version: 2 }
      assert.ok((await ledger.commit(rawGrant, [{ row: 'key', expected: 1, put }])).done)
    }
    return { text, person, tenant, revoke }
  }
  const held = stack.move()
  return { identity, issue, asked, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

identityContract('API keys', open)

test('known, unknown, revoked and malformed credentials all cost one look-up and one keyed hash', async () => {
  await using fixture = await open()
  const good = await fixture.issue({ person: 'p-1', roles: ['reviewer'] })
  const revoked = await fixture.issue({ person: 'p-2', roles: ['reviewer'] })
  await revoked.revoke()
  const credentials = [good.text, revoked.text, newApiKeyText().text, 'nonsense', '', 'x'.repeat(10_000)]
  for (const credential of credentials) {
    const before = { keys: fixture.asked.keys.length, macs: fixture.asked.macs }
    await fixture.identity.identify(credential, 'r')
    assert.equal(fixture.asked.keys.length - before.keys, 1)
    assert.equal(fixture.asked.macs - before.macs, 1)
  }
})

test('API keys are of no issuer', async () => {
  await using fixture = await open()
  assert.deepEqual(await fixture.identity.issuersOf('omo7777' as TenantId), [])
})
