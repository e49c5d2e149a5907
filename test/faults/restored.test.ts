import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { openDocument } from '../../src/access/open-document.ts'
import { wrappedKeyId } from '../../src/domain/document.ts'
import { VaultError } from '../../src/domain/errors.ts'
import type { CaseReference } from '../../src/domain/ids.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { readCertificate } from '../../src/retention/read-certificate.ts'
import { restoreCheck } from '../../src/retention/restore-check.ts'
import { verifyLogs } from '../../src/trail/verify.ts'
import { callerAs, findingsOf } from '../support/house-work.ts'
import { refused } from '../support/refused.ts'
import { openAt, type Part, parts, readAs, type Story, storyTenant, tellStory } from '../support/restored-story.ts'

const noSignal = new AbortController().signal
const names = Object.keys(parts) as Part[]
/** Every choice of one part or more. */
const choices = Array.from({ length: 2 ** names.length - 1 }, (_, at) =>
  names.filter((_name, bit) => ((at + 1) >> bit) & 1),
)

let told: Promise<Story> | undefined
const story = () => (told ??= tellStory())
after(async () => (await told)?.[Symbol.asyncDispose]())

/** Nothing that was destroyed is there in any form, and everything else is. */
async function requireWhole(vault: Vault, { erased, kept }: Story): Promise<void> {
  assert.deepEqual(await readAs(vault, kept.id), kept.bytes)
  const marks = await Array.fromAsync(vault.destroyed.list())
  assert.deepEqual(new Set(marks.map(({ document }) => document)), new Set(erased))
  for (const { document, messageId } of marks) {
    const row = await vault.ledger.findDocument(storyTenant, document)
    assert.ok(row === undefined || row.state === 'purged')
    assert.equal(await vault.wrappedKeys.get(wrappedKeyId(messageId)), undefined)
  }
  const bodies = await Array.fromAsync(vault.blobs.list(Number.MAX_SAFE_INTEGER))
  assert.equal(bodies.length, 1)
  assert.equal((await vault.wrappedKeys.list({ limit: 99 })).length, 1)
  assert.deepEqual(await findingsOf(vault), [])
  for (const { log, problems } of await verifyLogs(vault.batches)) assert.deepEqual(problems, [], log)
}

suite('a vault whose backup was restored', { concurrency: false }, () => {
  test('as it ended, without any restore, it goes on', async () => {
    const { clock, restored } = await story()
    const config = await restored()
    await using open = await openAt(config, clock)
    assert.deepEqual(open.restored, [])
    await requireWhole(open.vault, await story())
    assert.deepEqual((await restoreCheck(open.vault, noSignal)).replayed, 0)
  })

  for (const some of choices) {
    test(`${some.join(', ')} put back: nothing destroyed opens, and after restore-check nothing of it is there`, async () => {
      const { clock, erased, restored } = await story()
      const config = await restored(...some)
      const opensNothing = some.length === 1 && some[0] === 'blobs'
      {
        await using open = await openAt(config, clock)
        const { vault } = open
        assert.equal(open.restored.length > 0, !opensNothing, String(open.restored))
        for (const id of erased) {
          const look = { id, rendition: 'original', reason, head: false, signal: noSignal } as const
          const error = await openDocument(vault, callerAs('senior-reviewer', 's', storyTenant), look).then(
            () => assert.fail('it opened'),
            (thrown: unknown) => thrown,
          )
          const code = error instanceof VaultError ? error.code : 'none'
          assert.equal(code, opensNothing ? 'document.purged' : 'vault.restored')
        }
      }
      {
        await using open = await openAt(config, clock, true)
        const { replayed } = await restoreCheck(open.vault, noSignal)
        assert.ok(replayed > 0)
      }
      {
        await using open = await openAt(config, clock)
        assert.deepEqual(open.restored, [])
        await requireWhole(open.vault, await story())
        assert.equal((await restoreCheck(open.vault, noSignal)).replayed, 0, 'nothing is left to do')
        await requireCertificates(open.vault, await story())
      }
      await requireNoKeyBytes(config.dataDir, await story())
    })
  }
})

const reason = { purpose: 'kyc', case: 'case/1' as CaseReference }

/** Not one file holds the wrapped data key of what was destroyed, in whatever page or log. */
async function requireNoKeyBytes(dataDir: string, { keyBytes }: Story): Promise<void> {
  assert.equal(keyBytes.length, 3)
  const files = await readdir(dataDir, { recursive: true, withFileTypes: true })
  for (const file of files.filter(entry => entry.isFile())) {
    const bytes = await readFile(join(file.parentPath, file.name))
    for (const key of keyBytes) assert.ok(!bytes.includes(key), file.name)
  }
}

/** Every tombstone shows its certificate. */
async function requireCertificates(vault: Vault, { erased }: Story): Promise<void> {
  for (const id of erased) {
    const asked = readCertificate(vault, callerAs('dpo', 'dpo', storyTenant), { id })
    const row = await vault.ledger.findDocument(storyTenant, id)
    if (row) assert.equal((await asked).document, id)
    else await refused(asked, 'document.unknown')
  }
}
