import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, renameSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { FirstKey } from '../../src/access/first-keys.ts'
import { SharpImages } from '../../src/adapters/sharp-images.ts'
import { paper } from '../support/call.ts'
import { emptyFolder } from '../support/folder.ts'
import { noisePicture, tenantId } from '../support/house-work.ts'
import { needsPower } from '../support/needs.ts'
import { smallDisk, smallDiskNeeds } from '../support/small-disk.ts'
import { runVault, serveVault, settingsIn } from '../support/spawned-vault.ts'

/** P1: whoever asks is told within this time that there is no trail. */
const promisedMs = 2_500

interface Scene {
  readonly dataDir: string
  readonly url: string
  readonly keys: ReadonlyMap<string, string>
  readonly picture: Uint8Array
  readonly kept: Buffer
  readonly document: string
  readonly review: string
}

type Verb = (scene: Scene) => Promise<{ readonly status: number; readonly bytes: Buffer }>

/** Every verb that people call, each as somebody who may. */
const verbs: Readonly<Record<string, Verb>> = {
  upload: scene => upload(scene, `other-${crypto.randomUUID()}`),
  event: ({ url, keys }) =>
    ask(url, 'POST', '/v1/subjects/someone/events', keys.get('onboarding'), {
      type: 'tier',
      at: '2026-01-01T00:00:00Z',
      tier: 1,
    }),
  'describe a person': ({ url, keys }) => ask(url, 'GET', '/v1/subjects/someone', keys.get('auditor')),
  list: ({ url, keys }) => ask(url, 'GET', '/v1/subjects/someone/documents', keys.get('auditor')),
  describe: ({ url, keys, document }) => ask(url, 'GET', `/v1/documents/${document}`, keys.get('auditor')),
  'take a review': ({ url, keys, review }) =>
    ask(url, 'PUT', `/v1/reviews/${review}/assignment`, keys.get('senior-reviewer')),
  decide: ({ url, keys, document }) =>
    ask(url, 'POST', `/v1/documents/${document}/reviews`, keys.get('senior-reviewer'), {
      decision: 'approve',
      reasons: ['matches-subject'],
    }),
  'list reviews': ({ url, keys }) => ask(url, 'GET', '/v1/reviews?state=pending', keys.get('senior-reviewer')),
  'read the trail': ({ url, keys }) => ask(url, 'GET', '/v1/trail/entries', keys.get('auditor')),
  'list callers': ({ url, keys }) => ask(url, 'GET', '/v1/callers', keys.get('admin')),
  'a look by somebody who may not': ({ url, keys, document }) =>
    ask(url, 'GET', `/v1/documents/${document}/content`, keys.get('support')),
}

test('a trail whose file is gone stops every verb, and its return lets them go on', () =>
  underFault(({ dataDir }) => {
    const [path, aside] = [join(dataDir, 'trail.sqlite'), join(dataDir, '../aside.sqlite')]
    renameSync(path, aside)
    return () => renameSync(aside, path)
  }))

test('a trail whose file was replaced stops every verb, and the return of the true one lets them go on', () =>
  underFault(({ dataDir }) => {
    const [path, aside] = [join(dataDir, 'trail.sqlite'), join(dataDir, '../aside.sqlite')]
    renameSync(path, aside)
    copyFileSync(aside, path)
    return () => renameSync(aside, path)
  }))

test('a trail that another process holds stops every verb, and its release lets them go on', () =>
  underFault(({ dataDir }) => {
    const holder = new DatabaseSync(join(dataDir, 'trail.sqlite'), { timeout: 5_000 })
    holder.exec('BEGIN EXCLUSIVE')
    return () => holder.close()
  }))

const immutable = needsPower(canSetImmutable(), 'making a file immutable')
test('a trail that cannot be written stops every verb, and its return lets them go on', { skip: immutable.skip }, () =>
  underFault(({ dataDir }) => {
    const files = ['trail.sqlite', 'trail.sqlite-wal'].map(name => join(dataDir, name))
    execFileSync('chattr', ['+i', ...files])
    return () => void execFileSync('chattr', ['-i', ...files])
  }),
)

test('a full disk gives no byte without an intent, and room lets everything go on', {
  skip: smallDiskNeeds.skip,
}, async _t => {
  await using own = await emptyFolder()
  const dataDir = join(own.path, 'data')
  mkdirSync(dataDir)
  using disk = smallDisk(dataDir, 24)
  const settings = settingsIn(own.path, { VAULT_READ_BUDGET: '1000000' })
  let looks = 0
  {
    await using server = await serveVault(settings)
    const scene = await sceneOn(server.url, dataDir, own.path)
    disk.fill()
    // Some room is left within the files: looks go on until it is used up.
    for (; looks < 5_000; looks++) {
      const { status, bytes } = await rawLook(scene)
      if (status !== 200) {
        assert.ok(status === 503 || status === 507, `${status}`)
        assert.ok(!holdsAnyOf(bytes, scene.kept))
        break
      }
      assert.ok(bytes.includes(scene.kept))
    }
    assert.ok(looks < 5_000, 'the disk is full')
    const refused = await rawLook(scene)
    assert.ok(refused.status === 503 || refused.status === 507)
    assert.ok(refused.ms < promisedMs)
    disk.free()
    await until(async () => (await rawLook(scene)).status === 200)
    assert.equal((await upload(scene, 'afterwards')).status, 201)
    server.process.kill('SIGTERM')
    await server.ended
  }
  await requireChecked(settings)
})

/** Inflicts a fault, asks everything, mends it, and asks again. */
async function underFault(inflict: (scene: Scene) => () => void): Promise<void> {
  await using own = await emptyFolder()
  const settings = settingsIn(own.path)
  {
    await using server = await serveVault(settings)
    const scene = await sceneOn(server.url, join(own.path, 'data'), own.path)
    const mend = inflict(scene)
    try {
      await requireNothingGiven(scene)
      assert.equal((await ask(scene.url, 'GET', '/readyz', undefined)).status, 503)
    } finally {
      mend()
    }
    await until(async () => (await rawLook(scene)).status === 200)
    for (const [name, verb] of Object.entries(verbs)) {
      const { status } = await verb(scene)
      assert.ok(status < 500, `${name} is answered with ${status} afterwards`)
    }
    server.process.kill('SIGTERM')
    await server.ended
  }
  await requireChecked(settings)
}

/** Content and every other verb: 503 in time, and what the socket carried is no part of any paper. */
async function requireNothingGiven(scene: Scene): Promise<void> {
  const looks = await Promise.all(Array.from({ length: 4 }, () => rawLook(scene)))
  for (const { status, bytes, ms } of looks) {
    assert.equal(status, 503)
    assert.ok(!holdsAnyOf(bytes, scene.kept), 'not one byte of the paper')
    assert.ok(ms < promisedMs, `told after ${Math.round(ms)} ms`)
  }
  const answers = await Promise.all(
    Object.entries(verbs).map(async ([name, verb]) => {
      const startedMs = performance.now()
      return { name, ...(await verb(scene)), ms: performance.now() - startedMs }
    }),
  )
  for (const { name, status, ms } of answers) {
    assert.equal(status, 503, name)
    assert.ok(ms < promisedMs, `${name} told after ${Math.round(ms)} ms`)
  }
}

async function sceneOn(url: string, dataDir: string, folder: string): Promise<Scene> {
  const text = await readFile(join(folder, 'data-keys/first-keys.json'), 'utf8')
  const { keys: all } = JSON.parse(text) as { keys: FirstKey[] }
  const keys = new Map(all.filter(({ tenant }) => tenant === tenantId).map(({ role, key }) => [String(role), key]))
  const picture = await noisePicture(1, 200)
  const kept = Buffer.from((await new SharpImages().normalise(picture, 'image/png', AbortSignal.timeout(60_000))).bytes)
  const scene = { url, dataDir, keys, picture, kept, document: '', review: '' }
  const { status, bytes } = await upload(scene, 'someone')
  assert.equal(status, 201)
  const { id: document, review } = JSON.parse(bytes.toString()) as { id: string; review: { id: string } }
  const whole = { ...scene, document, review: review.id }
  const look = await rawLook(whole)
  assert.equal(look.status, 200)
  assert.ok(look.bytes.includes(kept))
  return whole
}

async function upload({ url, keys, picture }: Scene, reference: string) {
  const response = await fetch(`${url}/v1/subjects/${reference}/documents`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${keys.get('onboarding')}`, 'Idempotency-Key': crypto.randomUUID() },
    body: paper({ type: 'id', kind: 'passport' }, picture),
  })
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) }
}

async function ask(url: string, method: string, path: string, key: string | undefined, json?: unknown) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(key === undefined ? {} : { Authorization: `Bearer ${key}` }),
      ...(json === undefined ? {} : { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  })
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) }
}

/** Every byte that the socket carries for one look at the original, head and body. */
async function rawLook({ url, keys, document }: Scene) {
  const startedMs = performance.now()
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(
    [
      `GET /v1/documents/${document}/content HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      `Authorization: Bearer ${keys.get('senior-reviewer')}`,
      'Vault-Purpose: kyc',
      'Vault-Case: case/1',
      'Connection: close',
      '',
      '',
    ].join('\r\n'),
  )
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  const bytes = Buffer.concat(chunks)
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(bytes.subarray(0, 32).toString('latin1'))?.[1])
  return { status, bytes, ms: performance.now() - startedMs }
}

/** Whether any 8 bytes of the paper that follow each other are in it; the paper is noise, so none is there by chance. */
function holdsAnyOf(bytes: Buffer, paper_: Buffer): boolean {
  const known = new Set<string>()
  for (let at = 0; at + 8 <= bytes.length; at++) known.add(bytes.toString('latin1', at, at + 8))
  for (let at = 64; at + 8 <= paper_.length; at += 8) if (known.has(paper_.toString('latin1', at, at + 8))) return true
  return false
}

async function requireChecked(settings: Record<string, string>): Promise<void> {
  const { code, stdout } = await runVault(['check', '--json'], settings)
  assert.deepEqual(JSON.parse(stdout).problems, [])
  assert.equal(code, 0)
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const patience = AbortSignal.timeout(20_000)
  while (!(await holds())) assert.ok(!patience.aborted, 'it does not recover')
}

function canSetImmutable(): boolean {
  return succeeds('f=$(mktemp) && chattr +i "$f"; s=$?; chattr -i "$f" 2>/dev/null; rm -f "$f"; exit $s')
}

function succeeds(script: string): boolean {
  try {
    execFileSync('sh', ['-c', script], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
