import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { maxHolds } from '../../src/domain/hold.ts'
import { parsePersonId } from '../../src/domain/ids.ts'
import type { CallAnswer } from '../support/call.ts'
import { bury, type FileDesk, giveUp, openFileDesk } from '../support/file-desk.ts'
import { recorded } from '../support/recorded.ts'

let desk: FileDesk

before(async () => {
  desk = await openFileDesk('jnetot')
})
after(() => desk[Symbol.asyncDispose]())

const order = (subject: string, more: object = {}) => ({ subject, kind: 'legal_order', case: 'WRIT-1', ...more })
const place = (subject: string, more: object = {}, role: 'dpo' | 'legal' | 'senior-reviewer' = 'legal') =>
  desk.post(role, '/v1/holds', order(subject, more))
const release = (id: string, headers: Readonly<Record<string, string>> = desk.beside('dpo')) =>
  desk.post('legal', `/v1/holds/${id}/release`, undefined, headers)
const lastEntry = async () => (await recorded(desk.opened.vault, 'jnetot')).at(-1)

async function refused(answer: CallAnswer, status: number, code: string, act: string): Promise<void> {
  assert.deepEqual([answer.status, answer.json.code], [status, code], JSON.stringify(answer.json))
  const last = await lastEntry()
  assert.deepEqual([last?.act, last?.out, last?.why], [act, 'deny', code])
}

test('a hold by people keeps every paper until two of them release it, whatever the date', async () => {
  const paper = await desk.upload('writ')
  await desk.tell('writ', 'closed')
  const due = (await desk.subject('writ')).lookAtMs
  assert.ok(due !== undefined)
  const placed = await place('writ')
  const { id } = await desk.subject('writ')
  assert.deepEqual([placed.status, placed.headers.get('location')], [201, `/v1/holds/${id}.1`])
  const { kind, case: about, inForce, placedBy, subject } = placed.json
  assert.deepEqual([kind, about, inForce, placedBy], ['legal_order', 'WRIT-1', true, 'first-legal-jnetot'])
  assert.deepEqual(subject, { id, reference: 'writ' })
  assert.equal((await desk.subject('writ')).lookAtMs, undefined, 'nothing can become due')
  const seen = await desk.ask('legal', 'GET', `/v1/holds/${id}.1`)
  assert.deepEqual(seen.json, placed.json)
  const view = await desk.ask('dpo', 'GET', `/v1/documents/${paper}`)
  assert.deepEqual(view.json.heldBy, [{ id: `${id}.1`, kind: 'legal_order', case: 'WRIT-1' }])
  const released = await release(`${id}.1`)
  assert.deepEqual([released.status, released.json.inForce], [200, false])
  assert.deepEqual(released.json.releasedBy, ['first-legal-jnetot', 'first-dpo-jnetot'])
  assert.equal((await desk.subject('writ')).lookAtMs, due, 'the clock goes on as if there had been none')
  const entry = await lastEntry()
  assert.deepEqual([entry?.act, entry?.out, entry?.det?.hold], ['hold.release', 'done', `${id}.1`])
})

test('a vote to release a hold does not release what was held anew since', async () => {
  await desk.upload('anew')
  const { id } = (await place('anew')).json
  const asked = await desk.post('legal', '/v1/approvals', { action: 'hold.release', target: `hold/${id}` })
  await desk.ask('dpo', 'POST', `/v1/approvals/${asked.json.id}/votes`, { json: { vote: 'grant' } })
  assert.equal((await release(id)).status, 200)
  desk.clock.advance(60_000)
  assert.equal((await place('anew')).json.id, id)
  await refused(await release(id, { 'Vault-Approval': asked.json.id }), 410, 'approval.ended', 'hold.release')
  assert.equal((await release(id)).status, 200)
})

test('a hold on one paper leaves the others to their clocks', async () => {
  const [one, other] = [await desk.upload('single'), await desk.upload('single', 'address', 'utility-bill')]
  await desk.tell('single', 'closed')
  const placed = await place('single', { document: one })
  assert.equal(placed.json.document, one)
  const heldBy = async (id: string) => (await desk.ask('dpo', 'GET', `/v1/documents/${id}`)).json.heldBy.length
  assert.deepEqual([await heldBy(one), await heldBy(other)], [1, 0])
  assert.notEqual((await desk.subject('single')).lookAtMs, undefined, 'the other paper becomes due')
  await desk.upload('stranger')
  await refused(await place('stranger', { document: one }), 404, 'document.unknown', 'hold.place')
})

test('the case is named in the body or by Vault-Case, and a hold without one is refused', async () => {
  await desk.upload('named')
  const json = { subject: 'named', kind: 'dispute' }
  const byHeader = await desk.post('dpo', '/v1/holds', json, { 'Vault-Case': 'CASE-9' })
  assert.deepEqual([byHeader.status, byHeader.json.case], [201, 'CASE-9'])
  const entries = await recorded(desk.opened.vault, 'jnetot')
  assert.equal(entries.findLast(({ act, out }) => act === 'hold.place' && out === 'allow')?.case, 'CASE-9')
  await refused(await desk.post('dpo', '/v1/holds', json), 403, 'case.missing', 'hold.place')
})

test('who may not place, list or release holds is refused, and another platform has no such subject or hold', async () => {
  await desk.upload('roles')
  const { json } = await place('roles')
  for (const role of ['onboarding', 'reviewer', 'support', 'auditor', 'purge', 'admin'] as const) {
    const more = order('roles', { case: `C-${role}` })
    await refused(await desk.post(role, '/v1/holds', more), 403, 'role.not-allowed', 'hold.place')
    const ended = await desk.post(role, `/v1/holds/${json.id}/release`, undefined, desk.beside('dpo'))
    await refused(ended, 403, 'role.not-allowed', 'hold.release')
    if (role === 'auditor') continue
    await refused(await desk.ask(role, 'GET', '/v1/holds'), 403, 'role.not-allowed', 'hold.list')
    await refused(await desk.ask(role, 'GET', `/v1/holds/${json.id}`), 403, 'role.not-allowed', 'hold.list')
  }
  assert.equal((await desk.ask('auditor', 'GET', `/v1/holds/${json.id}`)).status, 200)
  const stranger = { Authorization: `Bearer ${desk.opened.key('nomor-keluar', 'legal')}`, 'Idempotency-Key': 'n-1' }
  for (const [method, path, body, code] of [
    ['GET', `/v1/holds/${json.id}`, undefined, 'hold.unknown'],
    ['POST', `/v1/holds/${json.id}/release`, undefined, 'hold.unknown'],
    ['POST', '/v1/holds', order('roles'), 'subject.unknown'],
    ['GET', '/v1/holds?subject=roles', undefined, 'subject.unknown'],
  ] as const) {
    const headers = method === 'GET' ? { Authorization: stranger.Authorization } : stranger
    const answer = await desk.ask('legal', method, path, { headers, ...(body ? { json: body } : {}) })
    assert.deepEqual([answer.status, answer.json.code], [404, code], path)
  }
  assert.equal((await desk.subject('roles')).version, 2, 'the upload and the one hold')
})

test('a release needs another person with the right, and an approval does as well as one who stands there', async () => {
  await desk.upload('four-eyes')
  const { id } = (await place('four-eyes')).json
  await refused(await release(id, {}), 403, 'role.second-person', 'hold.release')
  await refused(await release(id, desk.beside('legal')), 403, 'role.second-person', 'hold.release')
  await refused(await release(id, desk.beside('auditor')), 403, 'role.second-person', 'hold.release')
  const asked = await desk.post('legal', '/v1/approvals', { action: 'hold.release', target: `hold/${id}` })
  assert.equal(asked.status, 201)
  const approval = { 'Vault-Approval': asked.json.id }
  await refused(await release(id, approval), 403, 'approval.pending', 'hold.release')
  assert.equal(
    (await desk.ask('dpo', 'POST', `/v1/approvals/${asked.json.id}/votes`, { json: { vote: 'grant' } })).status,
    201,
  )
  const headers = { ...approval, 'Idempotency-Key': 'release-once' }
  const released = await release(id, headers)
  assert.deepEqual([released.status, released.json.releasedBy], [200, ['first-legal-jnetot', 'first-dpo-jnetot']])
  const again = await release(id, headers)
  assert.deepEqual(
    [again.status, again.headers.get('idempotent-replayed')],
    [200, 'true'],
    'though the approval is used up',
  )
  assert.deepEqual(again.json, released.json)
  const alone = await release(id, { 'Idempotency-Key': 'release-once' })
  assert.deepEqual([alone.status, alone.headers.get('idempotent-replayed')], [200, 'true'])
  await refused(await release(id), 409, 'hold.ended', 'hold.release')
})

test('the same case is one hold: again while it is in force it exists, after its release it begins anew', async () => {
  await desk.upload('same')
  const first = await place('same')
  await refused(await place('same'), 409, 'hold.exists', 'hold.place')
  await refused(await place('same', {}, 'dpo'), 409, 'hold.exists', 'hold.place')
  assert.equal((await place('same', { case: 'WRIT-2' })).status, 201)
  assert.equal((await release(first.json.id)).status, 200)
  const anew = await place('same')
  assert.deepEqual([anew.status, anew.json.id, anew.json.inForce], [201, first.json.id, true])
})

test('what a person holds no event ends, what an event holds people may release, and the event may hold again', async () => {
  await desk.upload('sides')
  await desk.tell('sides', 'dispute.opened', { ref: 'D-1' })
  const byPerson = await desk.post('dpo', '/v1/holds', { subject: 'sides', kind: 'dispute', case: 'D-1' })
  assert.equal(byPerson.status, 201, 'a hold of their own, beside the one of the platform')
  desk.clock.advance(1_000)
  const resolved = await desk.tell('sides', 'dispute.resolved', { ref: 'D-1' })
  assert.deepEqual(resolved.json.holds, [{ id: byPerson.json.id, kind: 'dispute' }])
  const { id } = await desk.subject('sides')
  desk.clock.advance(1_000)
  await desk.tell('sides', 'dispute.opened', { ref: 'D-1' })
  const released = await release(`${id}.1`)
  assert.deepEqual([released.status, released.json.placedBy], [200, 'event'])
  desk.clock.advance(1_000)
  const again = await desk.tell('sides', 'dispute.opened', { ref: 'D-1' })
  assert.deepEqual(
    again.json.holds.map((hold: { id: string }) => hold.id),
    [`${id}.1`, byPerson.json.id],
  )
})

test('nobody is called event, so that no person’s hold is ever taken for one that events may end', async () => {
  const json = { person: 'event', kind: 'person', roles: ['legal'] }
  const made = await desk.ask('admin', 'POST', '/v1/callers', { json, headers: desk.beside('dpo') })
  assert.deepEqual([made.status, made.json.code], [400, 'field.invalid'])
  assert.equal(parsePersonId('event'), undefined)
  assert.equal(parsePersonId('event-manager'), 'event-manager')
})

test('a repeated request places one hold, another under the same key is refused', async () => {
  await desk.upload('once')
  const headers = { 'Idempotency-Key': 'hold-once' }
  const first = await desk.post('legal', '/v1/holds', order('once'), headers)
  const again = await desk.post('legal', '/v1/holds', order('once'), headers)
  assert.deepEqual([again.status, again.headers.get('idempotent-replayed')], [201, 'true'])
  assert.deepEqual(again.json, first.json)
  assert.equal((await desk.subject('once')).holds.length, 1)
  const other = await desk.post('legal', '/v1/holds', order('once', { case: 'WRIT-2' }), headers)
  assert.deepEqual([other.status, other.json.code], [422, 'idempotency.conflict'])
  assert.equal((await desk.subject('once')).holds.length, 1)
})

test('bad input is refused with its own code, on record, and changes nothing', async () => {
  await desk.upload('bad')
  const cases: readonly [unknown, number, string][] = [
    [{ subject: 'bad', kind: 'whim', case: 'C' }, 400, 'field.invalid'],
    [{ subject: 'bad', kind: 'dispute', case: 'Mr Smith' }, 400, 'field.invalid'],
    [{ subject: 'bad', kind: 'dispute', case: 'C', until: '2030-01-01' }, 400, 'field.unknown'],
    [{ kind: 'dispute', case: 'C' }, 400, 'field.invalid'],
    [order('nobody'), 404, 'subject.unknown'],
    [order('bad', { document: '01a20196-0000-7000-8000-000000000000' }), 404, 'document.unknown'],
  ]
  for (const [json, status, code] of cases) {
    await refused(await desk.post('dpo', '/v1/holds', json), status, code, 'hold.place')
  }
  const none = await desk.ask('dpo', 'POST', '/v1/holds', { json: order('bad') })
  await refused(none, 400, 'idempotency.missing', 'hold.place')
  await refused(await desk.ask('dpo', 'GET', '/v1/holds/x'), 400, 'field.invalid', 'hold.list')
  const unknown = `${(await desk.subject('bad')).id}.9`
  await refused(await desk.ask('dpo', 'GET', `/v1/holds/${unknown}`), 404, 'hold.unknown', 'hold.list')
  await refused(await release(unknown), 404, 'hold.unknown', 'hold.release')
  assert.equal((await desk.subject('bad')).version, 1)
  await using other = await openFileDesk('omo7777')
  await other.tell('p', 'tier', { tier: 2 })
  const kind = await other.post('dpo', '/v1/holds', { subject: 'p', kind: 'dispute', case: 'C' })
  assert.deepEqual([kind.status, kind.json.code, kind.json.allowed], [422, 'hold.kind', ['legal_order']])
})

test('a hold that comes too late for a paper says so, and for all of them it is refused', async () => {
  const [gone, kept] = [await desk.upload('late'), await desk.upload('late', 'address', 'utility-bill')]
  await giveUp(desk, 'late', [gone])
  await refused(await place('late', { document: gone }), 409, 'hold.too-late', 'hold.place')
  const placed = await place('late')
  assert.deepEqual([placed.status, placed.json.tooLate], [201, [gone]])
  await giveUp(desk, 'late', [kept])
  await refused(await place('late', { case: 'WRIT-2' }), 409, 'hold.too-late', 'hold.place')
  await bury(desk, 'late', false)
  await refused(await place('late', { case: 'WRIT-3', document: gone }), 410, 'document.purged', 'hold.place')
  assert.equal((await place('late', { case: 'WRIT-4' })).status, 201, 'papers to come are kept')
})

test('a subject has room for a bounded number of holds', async () => {
  await desk.upload('full')
  for (let n = 1; n <= maxHolds; n++) assert.equal((await place('full', { case: `W-${n}` })).status, 201)
  const more = await place('full', { case: 'W-more' })
  assert.equal(more.json.limit, maxHolds)
  await refused(more, 409, 'hold.too-many', 'hold.place')
})

test('holds are listed in pages that together name each hold in force once, or every hold of one subject', async () => {
  await using other = await openFileDesk('jnetot')
  const expected: string[] = []
  for (const name of ['a', 'b', 'c', 'd']) {
    await other.tell(name, 'tier', { tier: 1 })
    for (let n = 1; n <= 3; n++) {
      const { json } = await other.post('legal', '/v1/holds', order(name, { case: `${name}-${n}` }))
      if (n === 2) await other.post('legal', `/v1/holds/${json.id}/release`, undefined, other.beside('dpo'))
      else expected.push(json.id)
    }
  }
  const seen: string[] = []
  for (let cursor: string | undefined, pages = 0; ; pages++) {
    const path = `/v1/holds?limit=3${cursor === undefined ? '' : `&cursor=${cursor}`}`
    const { json } = await other.ask('auditor', 'GET', path)
    seen.push(...json.items.map((item: { id: string }) => item.id))
    assert.ok(json.items.length <= 3)
    cursor = json.next
    if (cursor === undefined) break
    assert.ok(pages < 10)
  }
  assert.deepEqual(seen, expected.sort())
  const one = await other.ask('dpo', 'GET', '/v1/holds?subject=b')
  assert.deepEqual(
    one.json.items.map((item: { case: string; inForce: boolean }) => [item.case, item.inForce]),
    [
      ['b-1', true],
      ['b-2', false],
      ['b-3', true],
    ],
  )
  const first = await other.ask('dpo', 'GET', '/v1/holds?subject=b&limit=2')
  const rest = await other.ask('dpo', 'GET', `/v1/holds?subject=b&limit=2&cursor=${first.json.next}`)
  assert.deepEqual([first.json.items.length, rest.json.items.length, rest.json.next], [2, 1, undefined])
  const elsewhere = await other.ask('dpo', 'GET', `/v1/holds?cursor=${first.json.next}`)
  assert.deepEqual([elsewhere.status, elsewhere.json.code], [400, 'cursor.invalid'])
})

test('neither the log nor the trail names a person as the platform does', async () => {
  const text = JSON.stringify([await recorded(desk.opened.vault, 'jnetot'), desk.opened.lines])
  for (const name of ['four-eyes', 'stranger', 'writ"']) assert.ok(!text.includes(name), name)
  assert.ok(!JSON.stringify(desk.opened.lines).includes('WRIT'), 'a case is in the trail, never in the log')
})
