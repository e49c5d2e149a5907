import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FirstKey } from '../../src/access/first-keys.ts'
import { SharpImages } from '../../src/adapters/sharp-images.ts'
import { readConfig } from '../../src/config.ts'
import { parseEntry } from '../../src/domain/entry.ts'
import { entriesOf } from '../../src/guards/entry-bundle.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { sweepDeposits } from '../../src/upkeep/sweep-deposits.ts'
import { GrantSweep } from '../../src/upkeep/sweep-grants.ts'
import { paper } from '../support/call.ts'
import { emptyFolder } from '../support/folder.ts'
import { findingsOf, noisePicture, tenantId } from '../support/house-work.ts'
import { Seeded } from '../support/seeded.ts'
import { runVault, serveVault, settingsIn } from '../support/spawned-vault.ts'
import { TestClock } from '../support/test-clock.ts'
import { openWrapped } from '../support/vault-folder.ts'

const kills = Number(process.env.VAULT_TEST_KILLS ?? 40)
const writers = 4
const readers = 2
const hourMs = 3_600_000
const noSignal = new AbortController().signal
/** A kill, its restart and its clients take well under this. */
const timeout = 20_000 + kills * 5_000

interface Sent {
  readonly reference: string
  readonly key: string
  readonly picture: number
  /** The document's id, once a 201 came. */
  id?: string
}

/** What the clients know: all that the vault may be judged by. */
class Clients {
  readonly sent: Sent[] = []
  readonly receipts: string[] = []
  readonly faults: string[] = []
  readonly #pictures: readonly Uint8Array[]
  readonly #kept: readonly Buffer[]
  readonly #keys: ReadonlyMap<string, string>
  readonly #chance: Seeded
  #answers = 0
  #onAnswers: (() => void) | undefined
  #enough = 0

  constructor(
    pictures: readonly Uint8Array[],
    kept: readonly Buffer[],
    keys: ReadonlyMap<string, string>,
    chance: Seeded,
  ) {
    this.#pictures = pictures
    this.#kept = kept
    this.#keys = keys
    this.#chance = chance
  }

  /** Sends and reads until the connection breaks for each of them; calls `kill` after some answers. */
  async workUntilCut(url: string, answers: number, kill: () => void): Promise<void> {
    this.#answers = 0
    this.#enough = answers
    this.#onAnswers = kill
    await Promise.all([
      ...Array.from({ length: writers }, () => this.#whileUp(() => this.#write(url))),
      ...Array.from({ length: readers }, () => this.#whileUp(() => this.#read(url))),
    ])
  }

  async #whileUp(once: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await once()
      } catch (error) {
        // The server was killed in the middle: whatever was asked is neither done nor undone for this client.
        if (error instanceof TypeError) return
        throw error
      }
    }
  }

  #answered(): void {
    if (++this.#answers === this.#enough) this.#onAnswers?.()
  }

  /** A new paper, or one again of which no answer came. */
  async #write(url: string): Promise<void> {
    const open = this.sent.filter(({ id }) => id === undefined)
    const again = this.#chance.below(3) === 0 ? open[this.#chance.below(open.length || 1)] : undefined
    const sent = again ?? this.#newPaper()
    const response = await fetch(`${url}/v1/subjects/${sent.reference}/documents`, {
      method: 'POST',
      headers: { ...this.#as('onboarding'), 'Idempotency-Key': sent.key },
      body: paper({ type: 'id', kind: 'passport' }, this.#pictures[sent.picture] as Uint8Array),
    })
    const body = (await response.json()) as { id?: string; code?: string }
    if (response.status === 201) {
      if (sent.id !== undefined && sent.id !== body.id) this.faults.push(`${sent.key} became two papers`)
      if (body.id !== undefined) sent.id = body.id
      this.#answered()
    } else if (response.status !== 409) this.faults.push(`upload: ${response.status} ${body.code}`)
  }

  async #read(url: string): Promise<void> {
    const stored = this.sent.filter(({ id }) => id !== undefined)
    const sent = stored[this.#chance.below(stored.length || 1)]
    if (sent) await this.readWhole(url, sent.id as string, sent.picture)
    else await fetch(`${url}/livez`).then(response => response.arrayBuffer())
  }

  async readWhole(url: string, id: string, picture: number): Promise<void> {
    const response = await fetch(`${url}/v1/documents/${id}/content`, {
      headers: { ...this.#as('senior-reviewer'), 'Vault-Purpose': 'kyc', 'Vault-Case': 'case/1' },
    })
    const receipt = response.headers.get('vault-receipt')
    if (receipt !== null) this.receipts.push(receipt)
    const bytes = Buffer.from(await response.arrayBuffer())
    if (response.status !== 200) this.faults.push(`read: ${response.status}`)
    else if (!bytes.equals(this.#kept[picture] as Buffer)) this.faults.push(`${id} is not what was stored`)
    this.#answered()
  }

  async list(url: string, { reference }: Sent): Promise<readonly string[]> {
    const response = await fetch(`${url}/v1/subjects/${reference}/documents`, { headers: this.#as('senior-reviewer') })
    const { items = [] } = (await response.json()) as { items?: readonly { id: string }[] }
    return items.map(({ id }) => id)
  }

  #newPaper(): Sent {
    const sent = {
      reference: `person-${randomUUID()}`,
      key: randomUUID(),
      picture: this.#chance.below(this.#pictures.length),
    }
    this.sent.push(sent)
    return sent
  }

  #as(role: string): Record<string, string> {
    return { Authorization: `Bearer ${this.#keys.get(role)}` }
  }
}

const seeded = new Seeded()

test(`a server killed ${kills} times under writers and readers loses no paper that it acknowledged (seed ${seeded.seed})`, {
  timeout,
}, async () => {
  await using own = await emptyFolder()
  const settings = settingsIn(own.path, { VAULT_READ_BUDGET: '1000000', VAULT_LOG_LEVEL: 'error' })
  const pictures = await Promise.all([1, 2, 3, 4].map(seed => noisePicture(seed, 100 + 120 * seed)))
  const kept = await Promise.all(pictures.map(async picture => normal(picture)))
  await (await serveVault(settings))[Symbol.asyncDispose]()
  const clients = new Clients(pictures, kept, await keysIn(own.path), seeded)
  for (let killed = 0; killed < kills; killed++) {
    await using server = await serveVault(settings)
    // Between one answer and some more, at any moment of whatever is under way then.
    const delayMs = seeded.below(25)
    await clients.workUntilCut(server.url, 1 + seeded.below(20), () => {
      setTimeout(() => server.process.kill('SIGKILL'), delayMs)
    })
  }
  assert.deepEqual(clients.faults, [])
  await using server = await serveVault(settings)
  for (const sent of clients.sent) {
    const ids = await clients.list(server.url, sent)
    if (sent.id === undefined) assert.ok(ids.length <= 1, `${sent.key} became ${ids.length} papers`)
    else assert.deepEqual(ids, [sent.id], 'what was acknowledged is there, once')
    for (const id of ids) await clients.readWhole(server.url, id, sent.picture)
  }
  assert.deepEqual(clients.faults, [])
  assert.ok(clients.sent.filter(({ id }) => id !== undefined).length > kills, 'papers were acknowledged meanwhile')
  server.process.kill('SIGTERM')
  assert.equal((await server.ended).code, 0)
  const { code, stdout } = await runVault(['check', '--json'], settings)
  assert.deepEqual(JSON.parse(stdout).problems, [])
  assert.equal(code, 0)
  await requireHouseInOrder(settings, clients.receipts)
})

/** After the sweeps of the next days nothing is left of any kill, and whoever was given bytes is in the trail. */
async function requireHouseInOrder(settings: Record<string, string>, receipts: readonly string[]): Promise<void> {
  const clock = new TestClock()
  await using open = await openWrapped(readConfig(settings), { clock })
  const { vault } = open
  clock.advance(hourMs)
  await sweepDeposits(vault, tenantId, noSignal)
  assert.deepEqual(await findingsOf(vault), [])
  clock.advance(30 * hourMs)
  await new GrantSweep().run(vault, noSignal)
  assert.deepEqual(await findingsOf(vault), [])
  assert.ok(receipts.length > 0)
  for (const receipt of receipts) assert.ok(await isIntent(vault, receipt), receipt)
}

async function isIntent({ batches }: Vault, receipt: string): Promise<boolean> {
  const [, log = '', index = ''] = /^"([^"]+)";index=(\d+);/.exec(receipt) ?? []
  const batch = await batches.holding(log, Number(index))
  const bytes = batch && entriesOf(batch.entries)[Number(index) - batch.first]
  const entry = bytes && parseEntry(bytes)
  return entry?.act === 'document.open.original' && entry.out === 'allow'
}

async function normal(picture: Uint8Array): Promise<Buffer> {
  return Buffer.from((await new SharpImages().normalise(picture, 'image/png', noSignal)).bytes)
}

async function keysIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const { keys } = JSON.parse(await readFile(join(folder, 'data-keys/first-keys.json'), 'utf8')) as { keys: FirstKey[] }
  return new Map(keys.filter(({ tenant }) => tenant === tenantId).map(({ role, key }) => [role, key]))
}
