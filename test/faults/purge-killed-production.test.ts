import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '../../src/config.ts'
import type { Entry } from '../../src/domain/entry.ts'
import type { DocumentId } from '../../src/domain/ids.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { confirmClock } from '../../src/retention/confirm-clock.ts'
import { readCertificate } from '../../src/retention/read-certificate.ts'
import { GrantSweep } from '../../src/upkeep/sweep-grants.ts'
import { callerAs } from '../support/house-work.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { prepare } from '../support/production-site.ts'
import { effects, purgeChild, requireDone, takeOver } from '../support/purge-judge.ts'
import {
  beforeMs,
  dueMs,
  fileOrders,
  layPapers,
  purgeTurn,
  type ScenePapers,
  sceneApartMs,
  sceneTenant,
} from '../support/purge-scene.ts'
import { bornMs } from '../support/purge-work.ts'
import { everyVersion, s3Needs } from '../support/s3-bucket.ts'
import { Seeded } from '../support/seeded.ts'
import { SteppedClock } from '../support/stepped-clock.ts'
import { everyEntry } from '../support/trail-lines.ts'
import { openWrapped } from '../support/vault-folder.ts'

const kills = Number(process.env.VAULT_TEST_KILLS ?? 5)
const dpo = callerAs('dpo', 'dpo', sceneTenant)

test('production: a purge that is killed after an effect is finished by another process once its lease has ended, and nothing else is lost', {
  skip: productionSkip,
  timeout: 600_000,
}, async t => {
  // As the SDK finds them: the vault has no setting for credentials.
  process.env.AWS_ACCESS_KEY_ID = s3Needs.credentials.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = s3Needs.credentials.secretAccessKey
  await using place = await productionPlace()
  await prepare(place)
  const settings = { ...place.settings, VAULT_READ_BUDGET: '1000000' }
  const chance = new Seeded()
  t.diagnostic(`VAULT_TEST_SEED=${chance.seed}`)
  const clock = new SteppedClock(bornMs)
  await using open = await openWrapped(readConfig(settings), { clock, instance: 'next' })
  const { vault } = open
  const set = (ms: number) => clock.step(ms - clock.nowMs())
  const scenes: ScenePapers[] = []
  for (let nth = 0; nth <= kills; nth++) {
    set(bornMs + nth * sceneApartMs)
    scenes.push(await layPapers(vault, nth))
  }
  const gone = new Set<DocumentId>()
  const all = scenes.flatMap(({ due, erased, held, open: last }) => [...due, erased, held, last])
  let chosen: readonly number[] = [0]
  for (const papers of scenes) {
    const apartMs = papers.nth * sceneApartMs
    set(beforeMs + apartMs)
    // As a day after a kill: what it left open in the trail is closed.
    await new GrantSweep().run(vault, new AbortController().signal)
    if (papers.nth === 0) {
      await believed(vault)
      await purgeTurn(vault)
    }
    await fileOrders(vault, papers)
    set(dueMs + apartMs)
    await believed(vault)
    clock.step(1_000)
    const killAt = chosen[papers.nth] ?? 0
    const ended = await purgeChild(settings, killAt, clock.nowMs())
    const what = killAt === 0 ? 'not killed' : `killed at call ${killAt}, ${ended.calls[killAt - 1]}`
    t.diagnostic(`${what} of ${ended.calls.length}`)
    assert.equal(ended.signal, killAt === 0 ? null : 'SIGKILL', what)
    if (killAt === 0) {
      const points = [...ended.calls.entries()].flatMap(([at, call]) => (effects.has(call) ? [at + 1] : []))
      t.diagnostic(`${points.length} effects in ${ended.calls.length / 2} calls`)
      chosen = [0, ...chance.shuffled(points).slice(0, kills)]
    }
    await takeOver(vault, clock, ended, what)
    for (const id of [...papers.due, papers.erased]) gone.add(id)
    const kept = all.filter(id => !gone.has(id))
    await requireDone(vault, papers, what, kept)
    const versions = await everyVersion(place.bucket.client, place.bucket.bucket)
    const bodies = versions.filter(({ key }) => /\/[0-9a-f]{64}$/.test(key))
    assert.equal(bodies.length, kept.length, `${what}: no version and no marker is left of another`)
  }
  t.diagnostic(`${await requireOnce(vault, scenes)} papers certified again`)
})

/** Two people say that the clock is right, whatever the database's says: it is years ahead. */
async function believed(vault: Vault): Promise<void> {
  const second = callerAs('dpo', 'other', sceneTenant)
  assert.equal((await confirmClock(vault, dpo, { second })).trusted, true)
}

/**
 * What was destroyed, and nothing else, is on the list that no backup restores and was certified once; a purge that is killed
 * before the tombstone is written certifies again, and then the tombstone names the later one.
 */
async function requireOnce(vault: Vault, scenes: readonly ScenePapers[]): Promise<number> {
  const gone = new Map(scenes.flatMap(({ due, erased, nth }) => [...due, erased].map(id => [id as string, nth])))
  const marks = await Array.fromAsync(vault.destroyed.list())
  assert.deepEqual(new Set(marks.map(({ document }) => document)), new Set(gone.keys()))
  const certificates = new Map<string, Entry[]>()
  for await (const entry of everyEntry(vault)) {
    const { act, out, doc, det } = entry
    if (act !== 'purge.execute' || out !== 'done' || doc === undefined || det?.live === undefined) continue
    certificates.set(doc, [...(certificates.get(doc) ?? []), entry])
  }
  assert.deepEqual(new Set(certificates.keys()), new Set(gone.keys()))
  for (const [id, entries] of certificates) {
    assert.ok(entries.length <= (gone.get(id) === 0 ? 1 : 2), `${entries.length} certificates`)
    const { live } = await readCertificate(vault, dpo, { id: id as DocumentId })
    assert.equal(live.by, entries.at(-1)?.det?.live)
  }
  return [...certificates.values()].filter(({ length }) => length > 1).length
}
