import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import type { PurgedDocument, PurgingDocument } from '../../src/domain/document.ts'
import type { CaseReference, DocumentId, PersonId, SubjectReference } from '../../src/domain/ids.ts'
import type { PurgePage, PurgeRun } from '../../src/domain/purge-run.ts'
import type { Subject } from '../../src/domain/subject.ts'
import type { Change } from '../../src/ports/ledger.ts'
import { confirmClock } from '../../src/retention/confirm-clock.ts'
import { eraseDocument } from '../../src/retention/erase-document.ts'
import { callerAs, findingsOf } from '../support/house-work.ts'
import { copyOf, dueMs, newPurgeScene, purgeTurn, type ScenePapers, sceneTenant } from '../support/purge-scene.ts'
import { dayMs } from '../support/purge-work.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { SteppedClock } from '../support/stepped-clock.ts'
import { openWrapped, type VaultFolder, type WrappedVault } from '../support/vault-folder.ts'

suite('check after a purge', { concurrency: false }, () => {
  let scene: { readonly folder: VaultFolder; readonly papers: ScenePapers }
  before(async () => {
    scene = await newPurgeScene()
    await using open = await openWrapped(scene.folder.config, { clock: new SteppedClock(dueMs) })
    await purgeTurn(open.vault)
  })
  after(() => scene.folder[Symbol.asyncDispose]())

  /** What check says of the vault after one row was written as no verb would. */
  async function found(
    damage: (open: WrappedVault) => Promise<Change>,
    laterMs = 0,
  ): Promise<readonly (string | undefined)[]> {
    await using folder = await copyOf(scene.folder)
    await using open = await openWrapped(folder.config, { clock: new SteppedClock(dueMs + laterMs) })
    assert.ok((await open.ports.ledger.commit(rawGrant, [await damage(open)])).done)
    return (await findingsOf(open.vault)).map(({ code, detail }) => (detail === undefined ? code : `${code} ${detail}`))
  }

  const tombstone = async ({ ports }: WrappedVault, id: DocumentId) => {
    const row = await ports.ledger.findDocument(sceneTenant, id)
    return row?.state === 'purged' ? row : assert.fail()
  }
  const held = async ({ ports }: WrappedVault): Promise<Subject> =>
    (await ports.ledger.findSubject(sceneTenant, 'held' as SubjectReference)) ?? assert.fail()
  const run = async ({ ports }: WrappedVault): Promise<PurgeRun> =>
    (await ports.ledger.listRuns(sceneTenant, { limit: 1 }))[0] ?? assert.fail()
  const subjectChange = (before: Subject, put: Subject): Change => ({
    row: 'subject',
    expected: before.version,
    put: { ...put, version: before.version + 1 },
  })

  test('nothing is found, now and years later', async () => {
    for (const laterMs of [0, 3 * 366 * dayMs]) {
      await using open = await openWrapped(scene.folder.config, { clock: new SteppedClock(dueMs + laterMs) })
      assert.deepEqual(await findingsOf(open.vault), [])
    }
  })

  test('a clock that was set back between two destructions does not make the list of the destroyed look older than the tombstones', async () => {
    await using folder = await copyOf(scene.folder)
    await using open = await openWrapped(folder.config, { clock: new SteppedClock(dueMs - 2 * dayMs) })
    const [dpo, second] = [callerAs('dpo', 'dpo', sceneTenant), callerAs('legal', 'legal', sceneTenant)]
    await confirmClock(open.vault, dpo, { second: callerAs('dpo', 'dpo-2', sceneTenant) })
    await eraseDocument(open.vault, dpo, {
      id: scene.papers.open,
      why: 'uploaded-in-error',
      reason: { purpose: 'subject_request', case: 'E-1' as CaseReference },
      second,
      idempotency: { scope: 'POST /v1/documents/{id}/erasure', key: 'erase-1' },
    })
    assert.equal(await purgeTurn(open.vault), 1)
    assert.deepEqual(await findingsOf(open.vault), [])
  })

  test('a paper that was given up and not destroyed is found a day later, without key and body as well', async () => {
    const giveUp = async ({ ports }: WrappedVault): Promise<Change> => {
      const row = await ports.ledger.findDocument(sceneTenant, scene.papers.open)
      if (row?.state !== 'stored') return assert.fail()
      await ports.wrappedKeys.destroy(rawGrant, [`doc/${row.messageId}`])
      await ports.blobs.delete(rawGrant, row.blobKey)
      const purge = { kind: 'erasure', basis: 'court-order' } as const
      const put: PurgingDocument = {
        ...row,
        state: 'purging',
        purgingSinceMs: dueMs,
        purge,
        attempts: 0,
        version: row.version + 1,
      }
      return { row: 'document', expected: row.version, put }
    }
    assert.deepEqual(await found(giveUp), [])
    assert.deepEqual(await found(giveUp, dayMs + 1), ['purging.overdue'])
  })

  test('a person whom the purge would look at too late, or never, is found once no hold keeps the papers', async () => {
    const release = (lookAtMs: number | undefined) => async (open: WrappedVault) => {
      const before = await held(open)
      const { lookAtMs: _, ...rest } = before
      const put: Subject = { ...rest, holds: [], ...(lookAtMs === undefined ? {} : { lookAtMs }) }
      return subjectChange(before, put)
    }
    assert.deepEqual(await found(release(undefined)), ['look.late'])
    assert.deepEqual(await found(release(dueMs + dayMs)), ['look.late'])
    assert.deepEqual(await found(release(dueMs - 30 * dayMs)), [])
  })

  test('a person of whom nothing is left, and at whom nobody will look, is found', async () => {
    const codes = await found(async open => {
      const { lookAtMs: _, ...known } = await held(open)
      const put: Subject = {
        ...known,
        id: crypto.randomUUID() as Subject['id'],
        reference: 'nobody' as SubjectReference,
        holds: [],
        version: 1,
      }
      return { row: 'subject', expected: 0, put }
    })
    assert.deepEqual(codes, ['subject.remains'])
  })

  test('a run that says another thing than its pages, or that something was destroyed that was not, is found', async () => {
    const altered =
      (change: (run: PurgeRun) => Partial<PurgeRun>) =>
      async (open: WrappedVault): Promise<Change> => {
        const before = await run(open)
        // A run that is done moves no more: what is written here is what a broken disk would write.
        const put: PurgeRun = {
          ...before,
          ...change(before),
          id: crypto.randomUUID() as PurgeRun['id'],
          state: 'planned',
        }
        return { row: 'run', expected: 0, put: { ...put, version: 1 } }
      }
    assert.deepEqual(await found(altered(() => ({}))), ['run.malformed count'])
    const lied = await found(async open => {
      const before = await run(open)
      const [page] = await open.ports.ledger.listPages(sceneTenant, before.id, { limit: 1 })
      if (!page) return assert.fail()
      const [first, ...rest] = page.items
      if (!first) return assert.fail()
      const items = [{ ...first, document: scene.papers.open }, ...rest]
      const put: PurgePage = { ...page, items, version: page.version + 1 }
      return { row: 'page', expected: page.version, put }
    })
    assert.deepEqual(lied, ['run.malformed planHash', 'run.differs'])
  })

  test('a tombstone is held against its certificate', async () => {
    const [one = assert.fail(), other = assert.fail()] = scene.papers.due
    // No move leads on from a tombstone, so the row is altered below the ledger.
    for (const [change, expected] of [
      [async () => ({ basis: 'term:another' }), 'certificate.differs basis'],
      [async () => ({ depositedBy: 'another' as PersonId }), 'certificate.differs depositedBy'],
      [
        async () => ({ decidedBy: ['another'] as readonly string[] as readonly PersonId[] }),
        'certificate.differs decidedBy',
      ],
      [
        async (open: WrappedVault) => ({ certificate: (await tombstone(open, other)).certificate }),
        'certificate.differs document',
      ],
      [async () => ({ certificate: { log: 'nomor-keluar/2033', index: 1_000_000 } }), 'certificate.missing'],
      [async () => ({ certificate: { log: 'nomor-keluar/2033', index: 0 } }), 'certificate.differs entry'],
    ] as const) {
      await using folder = await copyOf(scene.folder)
      let row: PurgedDocument
      {
        await using open = await openWrapped(folder.config, { clock: new SteppedClock(dueMs) })
        row = { ...(await tombstone(open, one)), ...(await change(open)) }
      }
      const file = new DatabaseSync(`${folder.config.dataDir}/ledger.sqlite`)
      file.prepare('UPDATE document SET body = ? WHERE id = ?').run(JSON.stringify(row), one)
      file.close()
      await using open = await openWrapped(folder.config, { clock: new SteppedClock(dueMs) })
      const codes = (await findingsOf(open.vault)).map(({ code, detail }) => (detail ? `${code} ${detail}` : code))
      assert.deepEqual(codes, [expected])
    }
  })
})
