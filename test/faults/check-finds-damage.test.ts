import assert from 'node:assert/strict'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { inspectBacking } from '../../src/backing.ts'
import type { StoredDocument } from '../../src/domain/document.ts'
import type { Finding } from '../../src/domain/finding.ts'
import { admit } from '../../src/guards/admit.ts'
import { upkeepCaller } from '../../src/upkeep/upkeep-caller.ts'
import type { Damage, Victims } from '../support/damage.ts'
import { DamageSite } from '../support/damage-site.ts'
import { damagesToDocuments, damagesToOthers } from '../support/damage-to-rows.ts'
import { damagesToBodies, damagesToKeys } from '../support/damage-to-stores.ts'
import {
  approve,
  callerAs,
  depositPaper,
  documentOf,
  findingsOf,
  newPaper,
  noisePicture,
  reviewOf,
  take,
} from '../support/house-work.ts'
import { Seeded } from '../support/seeded.ts'
import { TestClock } from '../support/test-clock.ts'
import { configIn, newVaultFolder, openWrapped, type VaultFolder } from '../support/vault-folder.ts'

/** Every kind of damage that can be inflicted beside others. */
const damages: ReadonlyMap<string, Damage> = new Map(
  Object.entries({ ...damagesToBodies, ...damagesToKeys, ...damagesToDocuments, ...damagesToOthers }),
)
const papers = { plain: 46, taken: 8, decided: 6 }
const damagesInAll = 1_000
const trailFlips = 40
const hourMs = 3_600_000

suite('check finds exactly what was damaged', () => {
  let whole: VaultFolder
  const chance = new Seeded()

  before(async () => {
    whole = await newVaultFolder()
    await fill(whole)
  })
  after(async () => {
    await whole[Symbol.asyncDispose]()
  })

  test('an undamaged vault has no findings, now and days later', async () => {
    assert.deepEqual(await judged(whole.folder), [])
    assert.deepEqual(await judged(whole.folder, 3 * 24 * hourMs), [])
  })

  test(`of ${damagesInAll} damaged items each is listed, and nothing else (seed ${chance.seed})`, async () => {
    let inflicted = 0
    const kinds = new Set<string>()
    while (inflicted < damagesInAll) {
      await using copy = copyOf(whole)
      const { names, expected } = inflict(copy.folder, chance)
      inflicted += names.length
      for (const name of names) kinds.add(name)
      assert.deepEqual(sorted(await judged(copy.folder)), sorted(expected), `after: ${names.join('; ')}`)
    }
    assert.equal(kinds.size, damages.size, 'every kind of damage was inflicted')
  })

  test(`a flipped bit of the trail is found in the batch where it was flipped (seed ${chance.seed})`, async () => {
    for (let flips = 0; flips < trailFlips; flips++) {
      await using copy = copyOf(whole)
      const { log, seq, first, n } = flipTrail(join(copy.folder, 'data'), chance)
      const findings = await judged(copy.folder)
      assert.ok(
        findings.some(({ code, ...where }) => code === 'trail.broken' && where.log === log && where.seq === seq),
        `batch ${log} ${seq} is found broken`,
      )
      // What an entry says of a wrapped key is lost with the entry.
      const storedThere = new Set(
        documentsIn(copy.folder)
          .filter(isIn(log, first, n))
          .map(({ id }) => String(id)),
      )
      const isExplained = (finding: Finding): boolean =>
        finding.code === 'key.differs'
          ? storedThere.has(finding.document ?? '')
          : finding.log === log && isOfBatch(finding, seq, first, n)
      assert.deepEqual(
        findings.filter(finding => !isExplained(finding)),
        [],
      )
    }
  })

  test('a trail that lost its last batch is found by the papers that were stored in it', async () => {
    await using copy = copyOf(whole)
    const lost = dropLastBatch(join(copy.folder, 'data'))
    const findings = await judged(copy.folder)
    assert.ok(findings.length > 0)
    for (const { code, index } of findings) {
      assert.equal(code, 'storing-entry.missing')
      assert.ok(index !== undefined && index >= lost.first)
    }
  })

  test('a database file that is gone or damaged is named, and nothing is made in its place', async () => {
    for (const name of ['ledger', 'trail', 'wrapped-keys']) {
      await using gone = copyOf(whole)
      rmSync(join(gone.folder, 'data', `${name}.sqlite`))
      assert.deepEqual(await inspected(gone.folder), [{ code: 'file.missing', file: `data/${name}.sqlite` }])
      await using torn = copyOf(whole)
      const path = join(torn.folder, 'data', `${name}.sqlite`)
      writeFileSync(path, Buffer.alloc(4_096, 0xa5), { flag: 'r+' })
      assert.deepEqual(await inspected(torn.folder), [{ code: 'file.corrupt', file: `data/${name}.sqlite` }])
    }
  })

  test('an intent without an outcome is found once it is older than a day', async () => {
    await using copy = copyOf(whole)
    const clock = new TestClock()
    await using open = await openWrapped(configIn(copy.folder), { clock })
    const caller = upkeepCaller(open.vault, 'test', undefined)
    const { grant } = await admit(open.vault, caller, { action: 'deposit.sweep', resource: { known: true } })
    clock.advance(23 * hourMs)
    assert.deepEqual(await findingsOf(open.vault), [])
    clock.advance(2 * hourMs)
    const { log, index } = grant.intent
    assert.deepEqual(await findingsOf(open.vault), [{ code: 'grant.open', log, index, detail: 'deposit.sweep' }])
  })
})

function documentsIn(folder: string): readonly StoredDocument[] {
  using site = new DamageSite(join(folder, 'data'))
  return site.documents()
}

function isIn(log: string, first: number, n: number) {
  return ({ trail }: StoredDocument): boolean => trail.log === log && trail.index >= first && trail.index < first + n
}

/** Broken is the batch itself or the one that follows from it; whatever else is found names an entry of it. */
function isOfBatch({ code, seq, index }: Finding, batch: number, first: number, n: number): boolean {
  if (code === 'trail.broken') return seq === batch || seq === batch + 1
  return index !== undefined && index >= first && index < first + n
}

/** Papers through the real verbs: some reviews pending, some held, some decided. */
async function fill({ config }: VaultFolder): Promise<void> {
  await using open = await openWrapped(config)
  const { vault } = open
  const pictures = await Promise.all([1, 2, 3, 4, 5].map(seed => noisePicture(seed, 24 + seed)))
  const total = papers.taken + papers.decided + papers.plain
  const reviewer = callerAs('reviewer')
  for (let made = 0; made < total; made++) {
    const answer = await depositPaper(vault, newPaper(pictures[made % pictures.length] as Uint8Array))
    if (made >= papers.taken + papers.decided) continue
    if (made >= papers.taken) await approve(vault, documentOf(answer), `k${made}`, callerAs('senior-reviewer'))
    else await take(vault, reviewOf(answer), reviewer)
  }
}

function copyOf({ folder }: VaultFolder): VaultFolder {
  const copy = `${folder}-copy`
  cpSync(folder, copy, { recursive: true, preserveTimestamps: true })
  return {
    folder: copy,
    config: configIn(copy),
    [Symbol.asyncDispose]: async () => rmSync(copy, { recursive: true, force: true }),
  }
}

/** As many damages as there are papers for, of kinds in random order; no paper is hit twice. */
function inflict(folder: string, chance: Seeded): { readonly names: string[]; readonly expected: Finding[] } {
  using site = new DamageSite(join(folder, 'data'))
  const left = victimsOf(site, chance)
  const names: string[] = []
  const expected: Finding[] = []
  for (const [name, damage] of chance.shuffled([...damages])) {
    const found = tryDamage(damage, site, left, chance)
    if (!found) break
    names.push(name)
    expected.push(...found)
  }
  return { names, expected }
}

class NobodyLeft extends Error {}

function tryDamage(damage: Damage, site: DamageSite, victims: Victims, chance: Seeded): readonly Finding[] | undefined {
  try {
    return damage(site, victims, chance)
  } catch (error) {
    if (error instanceof NobodyLeft) return undefined
    throw error
  }
}

function victimsOf(site: DamageSite, chance: Seeded): Victims {
  const all = chance.shuffled(site.documents()).map(document => ({ document, review: site.reviewOf(document.id) }))
  const groups = Map.groupBy(all, ({ review }) =>
    review.state === 'approved' ? 'decided' : review.assignment ? 'taken' : 'plain',
  )
  const next = (kind: keyof typeof papers) => (): StoredDocument => {
    const victim = groups.get(kind)?.pop()
    if (!victim) throw new NobodyLeft()
    return victim.document
  }
  return { plain: next('plain'), taken: next('taken'), decided: next('decided') }
}

async function inspected(folder: string): Promise<readonly Finding[]> {
  return Array.fromAsync(inspectBacking(configIn(folder)))
}

/** What `check` says of the closed vault: from below, then from above the ports. */
async function judged(folder: string, aheadMs = hourMs): Promise<readonly Finding[]> {
  const below = await inspected(folder)
  const clock = new TestClock()
  clock.advance(aheadMs)
  await using open = await openWrapped(configIn(folder), { clock })
  return [...below, ...(await findingsOf(open.vault))]
}

function sorted(findings: readonly Finding[]): readonly string[] {
  return findings
    .map(finding => JSON.stringify(Object.entries(finding).sort(([one], [other]) => one.localeCompare(other))))
    .sort()
}

function flipTrail(dataDir: string, chance: Seeded) {
  using database = openTrail(dataDir)
  const batches = database.prepare('SELECT log, seq, first, n, entries FROM batch').all()
  const batch = batches[chance.below(batches.length)] as unknown as {
    log: string
    seq: number
    first: number
    n: number
    entries: Uint8Array
  }
  const where = chance.below(batch.entries.length)
  batch.entries[where] = (batch.entries[where] ?? 0) ^ (1 << chance.below(8))
  const { log, seq, entries } = batch
  database.prepare('UPDATE batch SET entries = ? WHERE log = ? AND seq = ?').run(entries, log, seq)
  return batch
}

function dropLastBatch(dataDir: string): { readonly first: number } {
  using database = openTrail(dataDir)
  const last = database.prepare("SELECT log, seq, first FROM batch WHERE log LIKE 'jnetot/%' ORDER BY seq DESC").get()
  database.prepare('DELETE FROM batch WHERE log = ? AND seq = ?').run(String(last?.log), Number(last?.seq))
  return { first: Number(last?.first) }
}

/** The triggers stop the vault, not somebody who has the file. */
function openTrail(dataDir: string): DatabaseSync {
  const database = new DatabaseSync(join(dataDir, 'trail.sqlite'))
  database.exec('DROP TRIGGER batch_is_never_updated; DROP TRIGGER batch_is_never_deleted')
  return database
}
