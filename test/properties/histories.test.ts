import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Picture } from '../support/history-requests.ts'
import { HistoryWorld, type Tally } from '../support/history-world.ts'
import { noisePicture, normalised } from '../support/house-work.ts'
import { Seeded } from '../support/seeded.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

/**
 * Histories of persons at the three platforms, over the real verbs on the embedded backing, judged by a memory of what was
 * acknowledged and a reckoning of due days of its own. `VAULT_TEST_HISTORIES` says how many, such as 100000 on demand; `VAULT_TEST_SEED` replays one
 * world.
 */
const everywhere = process.env.VAULT_TEST_REQUIRE === 'all'
const wanted = Number(process.env.VAULT_TEST_HISTORIES ?? (everywhere ? 10_000 : 600))
const personsAtOnce = 100
const rounds = 6

async function picturesOf(count: number): Promise<readonly Picture[]> {
  await using folder = await newVaultFolder()
  await using open = await openWrapped(folder.config)
  const made: Picture[] = []
  for (let n = 0; n < count; n++) {
    const sent = await noisePicture(n, 6)
    made.push({ sent, kept: await normalised(open.vault, sent) })
  }
  return made
}

async function live(seed: number, count: number, pictures: readonly Picture[], tally: Tally): Promise<void> {
  await using world = await HistoryWorld.begin(new Seeded(seed), count, pictures, tally)
  try {
    for (let round = 0; round < rounds; round++) await world.round()
    await world.end()
  } catch (error) {
    const replay = `VAULT_TEST_SEED=${seed} VAULT_TEST_HISTORIES=${count} npm test histories`
    throw new Error(`${replay}\n${world.told.join('; ')}\n${String(error)}`, { cause: error })
  }
}

test(`in ${wanted} histories no paper is lost, none is destroyed early or while held, and none that is due is forgotten`, {
  timeout: Math.max(1, wanted / 15_000) * 60 * 60_000,
}, async t => {
  const pictures = await picturesOf(24)
  const { seed: first } = new Seeded()
  const tally: Tally = {
    histories: 0,
    steps: 0,
    destroyed: 0,
    crashes: 0,
    rotations: 0,
    untrusted: 0,
    races: 0,
    approved: 0,
    waiting: 0,
  }
  // A world waits now and then, for what a crash left; meanwhile others go on.
  let seed = first
  const worker = async (): Promise<void> => {
    while (tally.histories < wanted) {
      const count = Math.min(personsAtOnce, wanted - tally.histories)
      tally.histories += count
      await live(seed++, count, pictures, tally)
    }
  }
  await Promise.all([worker(), worker(), worker()])
  t.diagnostic(`seed ${first}: ${JSON.stringify(tally)}`)
  // A replay of one world need not have everything in it.
  if (wanted < 600) return
  for (const [what, count] of Object.entries(tally)) assert.ok(count > 0, what)
})
