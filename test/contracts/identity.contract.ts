import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Role } from '../../src/domain/role.ts'
import type { Identity } from '../../src/ports/identity.ts'

export interface Credential {
  /** What follows `Bearer `. */
  readonly text: string
  readonly person: string
  readonly tenant: string
  revoke(): Promise<void>
}

export interface IdentityFixture extends AsyncDisposable {
  readonly identity: Identity
  issue(as: { readonly person: string; readonly roles: readonly Role[]; readonly tenant?: string }): Promise<Credential>
}

/** What every adapter of the port `Identity` keeps. */
export function identityContract(name: string, open: () => Promise<IdentityFixture>): void {
  suite(`identity: ${name}`, () => {
    test('a credential in force yields its person, tenant and roles, and the request it came with', async () => {
      await using fixture = await open()
      const credential = await fixture.issue({ person: 'p-1', roles: ['reviewer', 'dpo'] })
      const caller = await fixture.identity.identify(credential.text, 'request-1')
      assert.equal(caller?.id, credential.person)
      assert.equal(caller?.tenant, credential.tenant)
      assert.deepEqual(caller?.roles, ['reviewer', 'dpo'])
      assert.equal(caller?.requestId, 'request-1')
      assert.notEqual(caller?.auth, 'system')
    })

    test('two credentials of one person carry the same person and different names', async () => {
      await using fixture = await open()
      const [one, two] = [
        await fixture.issue({ person: 'p-1', roles: ['dpo'] }),
        await fixture.issue({ person: 'p-1', roles: ['legal'] }),
      ]
      const first = await fixture.identity.identify(one.text, 'r')
      const second = await fixture.identity.identify(two.text, 'r')
      assert.equal(first?.id, second?.id)
      assert.notEqual(first?.credential, second?.credential)
    })

    test('a revoked credential is not in force on the very next request', async () => {
      await using fixture = await open()
      const credential = await fixture.issue({ person: 'p-1', roles: ['reviewer'] })
      assert.ok(await fixture.identity.identify(credential.text, 'r'))
      await credential.revoke()
      assert.equal(await fixture.identity.identify(credential.text, 'r'), undefined)
    })

    test('no credential carries the role of the vault itself', async () => {
      await using fixture = await open()
      const credential = await fixture.issue({ person: 'p-1', roles: ['system', 'reviewer'] })
      const caller = await fixture.identity.identify(credential.text, 'r')
      assert.deepEqual(caller?.roles, ['reviewer'])
    })

    test('a credential of a tenant that is not configured is not in force', async () => {
      await using fixture = await open()
      const credential = await fixture.issue({ person: 'p-1', roles: ['reviewer'], tenant: 'gone' })
      assert.equal(await fixture.identity.identify(credential.text, 'r'), undefined)
    })

    test('a credential that differs in one character is nobody’s', async () => {
      await using fixture = await open()
      const { text } = await fixture.issue({ person: 'p-1', roles: ['reviewer'] })
      for (let at = 0; at < text.length; at++) {
        const other = text[at] === 'a' ? 'b' : 'a'
        const changed = text.slice(0, at) + other + text.slice(at + 1)
        assert.equal(await fixture.identity.identify(changed, 'r'), undefined, `character ${at}`)
      }
    })

    test('text that is no credential is nobody’s and no failure', async () => {
      await using fixture = await open()
      const { text } = await fixture.issue({ person: 'p-1', roles: ['reviewer'] })
      const strange = [
        '',
        ' ',
        `${text} `,
        ` ${text}`,
        `${text}\n`,
        `${text}x`,
        text.slice(0, -1),
        text.toUpperCase(),
        'x'.repeat(4_096),
        'x'.repeat(100_000),
        '\0',
        '{}',
        'kv_',
        "kv_' OR 1=1 --",
      ]
      for (const credential of strange) assert.equal(await fixture.identity.identify(credential, 'r'), undefined)
    })
  })
}
