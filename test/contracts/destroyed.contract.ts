import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { DocumentId, MessageId, TenantId } from '../../src/domain/ids.ts'
import { newUuid7 } from '../../src/guards/uuid7.ts'
import type { Destroyed, DestroyedMark } from '../../src/ports/destroyed.ts'
import { rawGrant } from '../support/raw-grant.ts'

export const here = 'acme' as TenantId
export const elsewhere = 'other' as TenantId

export function aMark(tenant = here, index = 0): DestroyedMark {
  return {
    tenant,
    document: newUuid7() as DocumentId,
    messageId: randomBytes(32).toString('hex') as MessageId,
    atMs: Date.now(),
    intent: { log: `${tenant}/2026`, index, leafHash: createHash('sha256').update(randomUUID()).digest('base64url') },
  }
}

export const marksOf = (count: number, tenant = here): readonly DestroyedMark[] =>
  Array.from({ length: count }, (_, index) => aMark(tenant, index))

export async function everyMark(destroyed: Destroyed): Promise<readonly DestroyedMark[]> {
  return sorted(await Array.fromAsync(destroyed.list()))
}

export const sorted = (marks: readonly DestroyedMark[]): readonly DestroyedMark[] =>
  marks.toSorted((one, other) => (one.messageId < other.messageId ? -1 : 1))

/** A list in a place of its own, and the same list as another process opens it. */
export interface DestroyedPlace {
  readonly destroyed: Destroyed
  readonly again: () => Promise<Destroyed>
}

/** What every list of the destroyed promises. */
export function destroyedContract(
  backing: string,
  open: (t: TestContext) => Promise<DestroyedPlace>,
  skip: string | false = false,
): void {
  const promise = (title: string, run: (place: DestroyedPlace) => Promise<void>) =>
    test(`${backing}: ${title}`, { skip }, async t => run(await open(t)))

  promise('a list that was begun holds nothing', async ({ destroyed }) => {
    assert.deepEqual(await everyMark(destroyed), [])
    assert.deepEqual(await destroyed.newest(), [])
    await destroyed.append(rawGrant, [])
    assert.deepEqual(await destroyed.newest(), [])
  })

  promise('every mark is found again as it was, by who opens the list anew too', async ({ destroyed, again }) => {
    const [first, second, foreign] = [marksOf(3), marksOf(256), marksOf(2, elsewhere)]
    for (const marks of [first, foreign, second]) await destroyed.append(rawGrant, marks)
    const all = sorted([...first, ...second, ...foreign])
    assert.deepEqual(await everyMark(destroyed), all)
    assert.deepEqual(await everyMark(await again()), all)
  })

  promise('the newest are those of each tenant’s last append', async ({ destroyed, again }) => {
    const [first, second, foreign] = [marksOf(3), marksOf(4), marksOf(2, elsewhere)]
    for (const marks of [first, foreign, second]) await destroyed.append(rawGrant, marks)
    assert.deepEqual(sorted(await destroyed.newest()), sorted([...second, ...foreign]))
    const later = marksOf(1, elsewhere)
    await destroyed.append(rawGrant, later)
    assert.deepEqual(sorted(await (await again()).newest()), sorted([...second, ...later]))
  })

  promise('where the last append tells of no row, the last that does is given too', async ({ destroyed, again }) => {
    const [first, rows] = [marksOf(2), marksOf(3)]
    const rowless = [1, 2, 3].map(() => [{ ...aMark(), rowless: true as const }])
    for (const marks of [first, rows, ...rowless]) await destroyed.append(rawGrant, marks)
    assert.deepEqual(sorted(await (await again()).newest()), sorted([...rows, ...(rowless[2] ?? [])]))
    const mixed = [aMark(), { ...aMark(), rowless: true as const }]
    await destroyed.append(rawGrant, mixed)
    assert.deepEqual(sorted(await destroyed.newest()), sorted(mixed))
  })

  promise('appends at once are all kept, and a mark may stand twice', async ({ destroyed, again }) => {
    const mark = aMark()
    const each = Array.from({ length: 8 }, (_, n) => [aMark(n % 2 === 0 ? here : elsewhere, n)])
    await Promise.all([[mark], [mark], ...each].map(marks => destroyed.append(rawGrant, marks)))
    assert.deepEqual(await everyMark(await again()), sorted([mark, mark, ...each.flat()]))
  })
}
