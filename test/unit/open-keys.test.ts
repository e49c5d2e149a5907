import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDocument } from '../../src/access/open-document.ts'
import type { Caller } from '../../src/domain/caller.ts'
import { wrappedKeyId } from '../../src/domain/document.ts'
import type { CaseReference, DocumentId } from '../../src/domain/ids.ts'
import { openKeyKeptMs } from '../../src/guards/open-keys.ts'
import type { Vault } from '../../src/guards/vault.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { callerAs, noisePicture, storePaper, tenantId } from '../support/house-work.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { everyEntry } from '../support/trail-lines.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

interface Scene extends AsyncDisposable {
  readonly vault: Vault
  readonly ports: Ports
  readonly clock: ManualClock
  readonly id: DocumentId
  /** How often the keyring was asked to unwrap. */
  readonly unwrapped: () => number
  read(caller: Caller, range?: { readonly from: number; readonly to: number }, id?: DocumentId): Promise<Buffer>
}

async function scene(): Promise<Scene> {
  const stack = new AsyncDisposableStack()
  const { config } = stack.use(await newVaultFolder())
  const clock = new ManualClock(Date.now())
  let count = 0
  const wrap = (ports: Ports): Ports => ({
    ...ports,
    keyring: new Proxy(ports.keyring, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (name === 'unwrap') count++
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    }),
  })
  const { vault, ports } = stack.use(await openWrapped(config, { clock, wrap }))
  const id = await storePaper(vault, await noisePicture(1, 300))
  return {
    vault,
    ports,
    clock,
    id,
    unwrapped: () => count,
    async read(caller, range, of = id) {
      const opened = await openDocument(vault, caller, {
        id: of,
        rendition: 'original',
        reason: { purpose: 'kyc', case: 'case/1' as CaseReference },
        head: false,
        ...(range ? { range: { start: range.from, end: range.to } } : {}),
        signal: new AbortController().signal,
      })
      assert.ok(opened.kind === 'content')
      const chunks = await Array.fromAsync(opened.bytes, chunk => Uint8Array.from(chunk))
      const bytes = Buffer.concat(chunks)
      await opened.finish({ complete: true, bytes: bytes.length })
      return bytes
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

const senior = callerAs('senior-reviewer')

test('ranges that follow each other ask the keyring once, and each is on record', async () => {
  await using at = await scene()
  const whole = await at.read(senior)
  assert.equal(at.unwrapped(), 1)
  const pieces: Buffer[] = []
  for (let from = 0; from < whole.length; from += 100_000) {
    pieces.push(await at.read(senior, { from, to: Math.min(from + 99_999, whole.length - 1) }))
  }
  assert.ok(pieces.length > 1)
  assert.deepEqual(Buffer.concat(pieces), whole)
  assert.equal(at.unwrapped(), 2, 'a whole read leaves nothing behind, the first range does')
  let looks = 0
  for await (const { act, out } of everyEntry(at.vault))
    if (act === 'document.open.original' && out === 'allow') looks++
  assert.equal(looks, pieces.length + 1)
})

test('the key is nobody else’s, no other paper’s, and not there after a minute', async () => {
  await using at = await scene()
  const range = { from: 0, to: 9 }
  await at.read(senior, range)
  await at.read(callerAs('senior-reviewer', 'another'), range)
  assert.equal(at.unwrapped(), 2)
  await at.read({ ...senior, credential: 'another key of the same person' }, range)
  assert.equal(at.unwrapped(), 3)
  const other = await storePaper(at.vault, await noisePicture(2, 64))
  await at.read(senior, range, other)
  assert.equal(at.unwrapped(), 4)
  at.clock.advance(59_999)
  await at.read(senior, range)
  assert.equal(at.unwrapped(), 4)
  at.clock.advance(1)
  await at.read(senior, range)
  assert.equal(at.unwrapped(), 5)
})

test('a destroyed key opens nothing, also where it was open a moment ago', async () => {
  await using at = await scene()
  const range = { from: 0, to: 9 }
  await at.read(senior, range)
  const document = await at.vault.ledger.findDocument(tenantId, at.id)
  assert.ok(document?.state === 'stored')
  await at.ports.wrappedKeys.destroy(rawGrant, [wrappedKeyId(document.messageId)])
  await refused(at.read(senior, range), 'keys.refused')
})

test('what was kept is wiped after a minute of the machine, wherever its clock was set to', async t => {
  await using at = await scene()
  const real = globalThis.setTimeout
  const waiting: (() => void)[] = []
  t.mock.method(globalThis, 'setTimeout', (run: () => void, ms?: number) => {
    if (ms === openKeyKeptMs) waiting.push(run)
    return real(run, ms)
  })
  const range = { from: 0, to: 9 }
  await at.read(senior, range)
  at.clock.advance(-3_600_000)
  await at.read(senior, range)
  assert.equal(at.unwrapped(), 1)
  assert.equal(waiting.length, 1)
  for (const run of waiting) run()
  await at.read(senior, range)
  assert.equal(at.unwrapped(), 2)
})
