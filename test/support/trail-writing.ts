import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { SqliteTrailBatches } from '../../src/adapters/sqlite-trail-batches.ts'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import type { Caller } from '../../src/domain/caller.ts'
import type { EntryDraft } from '../../src/domain/entry.ts'
import type { PersonId, TenantId } from '../../src/domain/ids.ts'
import { entriesOf } from '../../src/guards/entry-bundle.ts'
import { leafHash } from '../../src/guards/merkle.ts'
import { Trail } from '../../src/guards/trail.ts'
import type { Placed } from '../../src/guards/vault.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Log } from '../../src/ports/log.ts'
import type { TrailBatches } from '../../src/ports/trail-batches.ts'
import { verifyLogs } from '../../src/trail/verify.ts'
import { freshSqlite } from './fresh-sqlite.ts'

/** A log that keeps the events of its errors and warnings. */
export class KeptLog implements Log {
  readonly errors: string[] = []
  readonly warnings: string[] = []
  info(): void {}
  warn(event: string): void {
    this.warnings.push(event)
  }
  error(event: string): void {
    this.errors.push(event)
  }
}

export async function freshBatches(t: TestContext): Promise<SqliteTrailBatches> {
  const { thread } = await freshSqlite(t)
  return new SqliteTrailBatches(thread)
}

/** A writer on a store, closed after the test. */
export function writerOn(
  t: TestContext,
  batches: TrailBatches,
  {
    clock = new SystemClock(),
    log = new KeptLog(),
    instance = 'one',
  }: { clock?: Clock; log?: Log; instance?: string } = {},
): Trail {
  const trail = new Trail({ batches, clock, log, instance })
  t.after(() => trail.close())
  return trail
}

export function callerOf(tenant: string | undefined, id = 'person-1', roles: Caller['roles'] = ['reviewer']): Caller {
  return {
    kind: 'person',
    id: id as PersonId,
    tenant: tenant as TenantId | undefined,
    roles,
    auth: 'key',
    credential: 'key-1',
    requestId: 'request-1',
  }
}

export function draftOf(tenant: string | undefined, over: Partial<EntryDraft> = {}): EntryDraft {
  return { act: 'document.describe', out: 'done', caller: callerOf(tenant), ...over }
}

/** The entry bytes that stand where the writer said. */
export async function entryAt(batches: TrailBatches, { log, index }: Placed): Promise<Uint8Array> {
  const batch = await batches.holding(log, index)
  const bytes = batch && entriesOf(batch.entries)[index - batch.first]
  assert.ok(bytes, `nothing at ${log} ${index}`)
  return bytes
}

/** Each of them stands where the writer said, and nowhere else does it stand again. */
export async function assertStandsOnce(batches: TrailBatches, placed: readonly Placed[]): Promise<void> {
  const texts: string[] = []
  for (const log of await batches.logs()) {
    for (const batch of await batches.range(log, 0, 10_000)) {
      texts.push(...entriesOf(batch.entries).map(bytes => Buffer.from(bytes).toString()))
    }
  }
  for (const one of placed) {
    const bytes = await entryAt(batches, one)
    assert.equal(Buffer.from(leafHash(bytes)).toString('base64url'), one.leafHash)
    assert.equal(texts.filter(text => text.includes(`"id":"${one.id}"`)).length, 1)
  }
}

/** Every log of the store verifies. @returns entries of all logs together */
export async function assertVerifies(batches: TrailBatches): Promise<number> {
  const reports = await verifyLogs(batches)
  assert.deepEqual(
    reports.flatMap(({ problems }) => problems),
    [],
  )
  return reports.reduce((sum, { entries }) => sum + entries, 0)
}
