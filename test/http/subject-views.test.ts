import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { DocumentId } from '../../src/domain/ids.ts'
import type { Role } from '../../src/domain/role.ts'
import { bury, type FileDesk, giveUp, openFileDesk } from '../support/file-desk.ts'
import { recorded } from '../support/recorded.ts'

const dayMs = 86_400_000
let desk: FileDesk
let paper: DocumentId

before(async () => {
  desk = await openFileDesk('jnetot')
  const told = (type: string, days: number, more = {}) =>
    desk.tell('p-1', type, { at: new Date(desk.clock.nowMs() - days * dayMs).toISOString(), ...more })
  await told('opened', 400)
  paper = await desk.upload('p-1')
  await told('dispute.opened', 5, { ref: 'D-1' })
  await told('deletion.requested', 4)
  await told('closed', 3)
  await desk.post('legal', '/v1/holds', { subject: 'p-1', kind: 'legal_order', case: 'WRIT-1' })
})
after(() => desk[Symbol.asyncDispose]())

/** Paths of every member, so that nothing is told to a role unseen. */
function pathsIn(value: unknown, at = ''): readonly string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap(item => pathsIn(item, `${at}[]`)))]
  if (typeof value !== 'object' || value === null) return [at]
  return Object.entries(value).flatMap(([name, inner]) => pathsIn(inner, at === '' ? name : `${at}.${name}`))
}

const clock = [
  'basis.jurisdiction',
  'basis.law',
  'basis.name',
  'basis.words',
  'decidedBy',
  'due.at',
  'due.on',
  'due.zone',
  'ground',
]
const documentPaths = [
  ...clock,
  'height',
  'heldBy[].id',
  'heldBy[].kind',
  'id',
  'kind',
  'media',
  'policyVersion',
  'review.id',
  'review.state',
  'sizeBytes',
  'state',
  'storedAt',
  'subject',
  'trail.index',
  'trail.log',
  'type',
  'version',
  'why',
  'width',
]
const outcome = [
  'basis.jurisdiction',
  'basis.law',
  'basis.name',
  'basis.words',
  'ground',
  'held',
  'id',
  'outcome',
  'type',
  'until',
]
const subjectPaths = [
  'accountOpenedAt',
  'closed',
  'closedAt',
  'deletion.answerDueAt',
  'deletion.askedAt',
  ...outcome.map(name => `deletion.papers[].${name}`),
  'deletion.state',
  'holds[].id',
  'holds[].kind',
  'id',
  'openedAt',
  'reference',
  'tier',
  'version',
]

const sorted = (paths: readonly string[]): readonly string[] => [...new Set(paths)].sort()
/** The roles that may list holds, and so see the cases. */
const seesHolds: readonly Role[] = ['senior-reviewer', 'dpo', 'legal', 'auditor']

for (const role of ['onboarding', 'reviewer', 'senior-reviewer', 'dpo', 'auditor'] as const) {
  test(`what ${role} is told of a paper and of a subject is exactly this`, async () => {
    const document = await desk.ask(role, 'GET', `/v1/documents/${paper}`)
    const subject = await desk.ask(role, 'GET', '/v1/subjects/p-1')
    assert.deepEqual([document.status, subject.status], [200, 200])
    const isFull = seesHolds.includes(role)
    assert.deepEqual(sorted(pathsIn(document.json)), sorted([...documentPaths, ...(isFull ? ['heldBy[].case'] : [])]))
    assert.deepEqual(sorted(pathsIn(subject.json)), sorted([...subjectPaths, ...(isFull ? ['holds[].case'] : [])]))
    const { id } = await desk.subject('p-1')
    const [dispute, order] = [`${id}.1`, `${id}.2`]
    const held = isFull
      ? [
          { id: dispute, kind: 'dispute', case: 'D-1' },
          { id: order, kind: 'legal_order', case: 'WRIT-1' },
        ]
      : [{ id: dispute, kind: 'dispute' }, { id: order }]
    assert.deepEqual(document.json.heldBy, held, 'that a hold is a legal order is told to who may list holds alone')
    assert.deepEqual(subject.json.holds, held)
  })
}

for (const role of ['support', 'legal', 'purge', 'admin'] as const) {
  test(`${role}, who has nothing to do with the paper, is told neither of it nor of the subject`, async () => {
    for (const path of [`/v1/documents/${paper}`, '/v1/subjects/p-1']) {
      const answer = await desk.ask(role, 'GET', path)
      assert.deepEqual([answer.status, /^role\./.test(answer.json.code)], [403, true], path)
    }
  })
}

test('the role of the purge is told of what is due, and of nothing else', async () => {
  const [first, second] = [await desk.upload('p-6'), await desk.upload('p-6')]
  const { clock } = desk
  await desk.tell('p-6', 'closed', { at: new Date(clock.nowMs() - 3_000 * dayMs).toISOString() })
  const list = async () => (await desk.ask('purge', 'GET', '/v1/subjects/p-6/documents')).json.items
  const hold = await desk.post('legal', '/v1/holds', { subject: 'p-6', kind: 'dispute', case: 'D-6', document: first })
  assert.deepEqual(
    (await list()).map(({ id }: { id: string }) => id),
    [second],
  )
  assert.equal((await desk.ask('purge', 'GET', `/v1/documents/${first}`)).json.code, 'role.not-allowed')
  assert.equal((await desk.ask('purge', 'GET', `/v1/documents/${second}`)).status, 200)
  await desk.post('legal', `/v1/holds/${hold.json.id}/release`, undefined, desk.beside('dpo'))
  assert.equal((await list()).length, 2)
  clock.advance(1_000)
  await desk.tell('p-6', 'reopened')
  const none = await desk.ask('purge', 'GET', '/v1/subjects/p-6/documents')
  assert.deepEqual([none.status, none.json.code], [403, 'role.not-allowed'])
})

test('a paper says when it may be destroyed, on which basis, what holds it, and why in words', async () => {
  const { json } = await desk.ask('auditor', 'GET', `/v1/documents/${paper}`)
  const { closedAtMs } = await desk.subject('p-1')
  assert.ok(closedAtMs !== undefined)
  const zone = 'Asia/Jakarta'
  const closedOn = Temporal.Instant.fromEpochMilliseconds(closedAtMs).toZonedDateTimeISO(zone).toPlainDate()
  const on = closedOn.add({ years: 5 }).add({ days: 1 })
  assert.deepEqual(json.due, {
    on: on.toString(),
    at: new Date(on.toZonedDateTime(zone).epochMilliseconds).toISOString(),
    zone,
  })
  assert.deepEqual([json.ground, json.basis.name, json.decidedBy], ['floor', 'identity-records', 1])
  assert.match(json.basis.law, /UU 8\/2010/)
  assert.match(json.why, new RegExp(`least time that the law asks for.*from ${on.toString()} on.*A hold keeps it`))
  const open = await desk.upload('p-2')
  const kept = (await desk.ask('auditor', 'GET', `/v1/documents/${open}`)).json
  assert.deepEqual([kept.ground, kept.due, kept.heldBy], ['relationship', undefined, []])
  assert.match(kept.why, /while the account is open/)
  const listed = (await desk.ask('auditor', 'GET', '/v1/subjects/p-2/documents')).json
  assert.deepEqual(listed.items, [kept])
})

test('what a paper says changes its tag, so that no cached copy tells of an old date or a hold that ended', async () => {
  await desk.upload('p-3').then(async id => {
    const path = `/v1/documents/${id}`
    const { headers } = await desk.ask('dpo', 'GET', path)
    const same = await desk.ask('dpo', 'GET', path, { headers: { 'If-None-Match': headers.get('etag') ?? '' } })
    assert.equal(same.status, 304)
    await desk.post('dpo', '/v1/holds', { subject: 'p-3', kind: 'dispute', case: 'D-3' })
    const other = await desk.ask('dpo', 'GET', path, { headers: { 'If-None-Match': headers.get('etag') ?? '' } })
    assert.equal(other.status, 200)
  })
})

test('the file of a person is for the officer and the auditor, whole, and on record', async () => {
  const path = '/v1/subjects/p-1/file'
  for (const role of ['onboarding', 'reviewer', 'senior-reviewer', 'support', 'legal', 'purge', 'admin'] as const) {
    const answer = await desk.ask(role, 'GET', path)
    assert.deepEqual([answer.status, answer.json.code], [403, 'role.not-allowed'], role)
  }
  const { id, openedBy } = await desk.subject('p-1')
  for (const role of ['dpo', 'auditor'] as const) {
    const { status, json } = await desk.ask(role, 'GET', path)
    assert.deepEqual([status, json.id, json.openedBy], [200, id, openedBy])
    assert.deepEqual([json.subject.reference, json.subject.closed], ['p-1', true])
    assert.deepEqual(
      json.holds.map((hold: { kind: string; case: string; placedBy: string }) => [hold.kind, hold.case, hold.placedBy]),
      [
        ['dispute', 'D-1', 'event'],
        ['legal_order', 'WRIT-1', 'first-legal-jnetot'],
      ],
    )
    assert.deepEqual(json.items, [(await desk.ask(role, 'GET', `/v1/documents/${paper}`)).json])
  }
  const [entry] = (await recorded(desk.opened.vault, 'jnetot')).filter(
    ({ act, out }) => act === 'subject.file' && out === 'done',
  )
  assert.equal(entry?.sub, id)
  const unknown = await desk.ask('dpo', 'GET', '/v1/subjects/nobody/file')
  assert.deepEqual([unknown.status, unknown.json.code], [404, 'subject.unknown'])
  const stranger = { headers: { Authorization: `Bearer ${desk.opened.key('omo7777', 'dpo')}` } }
  for (const name of ['p-1', id]) {
    const foreign = await desk.ask('dpo', 'GET', `/v1/subjects/${name}/file`, stranger)
    assert.deepEqual([foreign.status, foreign.json.code], [404, 'subject.unknown'])
  }
  const malformed = await desk.ask('dpo', 'GET', '/v1/subjects/a.b/file')
  assert.deepEqual([malformed.status, malformed.json.code], [400, 'field.invalid'])
})

test('the file comes in pages, tombstones among living papers, and the subject with each of them', async () => {
  const ids: DocumentId[] = []
  for (let n = 0; n < 5; n++) ids.push(await desk.upload('p-4'))
  await giveUp(desk, 'p-4', ids.slice(1, 3))
  await bury(desk, 'p-4', false)
  const seen: { id: string; state: string }[] = []
  for (let cursor: string | undefined; ; ) {
    const path = `/v1/subjects/p-4/file?limit=2${cursor === undefined ? '' : `&cursor=${cursor}`}`
    const { json } = await desk.ask('dpo', 'GET', path)
    assert.equal(json.subject.reference, 'p-4')
    seen.push(...json.items)
    cursor = json.next
    if (cursor === undefined) break
  }
  assert.deepEqual(
    seen.map(({ id }) => id),
    ids,
  )
  assert.deepEqual(
    seen.map(({ state }) => state),
    ['stored', 'purged', 'purged', 'stored', 'stored'],
  )
})

test('when all is destroyed the name is forgotten, and the tombstones are read under the uuid of the trail', async () => {
  const ids = [await desk.upload('p-5'), await desk.upload('p-5')]
  await desk.tell('p-5', 'closed')
  const { id } = await desk.subject('p-5')
  await giveUp(desk, 'p-5', ids)
  await bury(desk, 'p-5', true)
  assert.equal((await desk.ask('dpo', 'GET', '/v1/subjects/p-5/file')).json.code, 'subject.unknown')
  assert.equal((await desk.ask('dpo', 'GET', '/v1/subjects/p-5')).json.code, 'subject.unknown')
  const { status, json } = await desk.ask('dpo', 'GET', `/v1/subjects/${id}/file`)
  assert.equal(status, 200)
  assert.deepEqual([json.id, json.subject, json.holds], [id, undefined, []])
  assert.deepEqual(
    json.items.map((item: { id: string }) => item.id),
    ids,
  )
  const tombstone = [
    'basis.jurisdiction',
    'basis.law',
    'basis.name',
    'basis.words',
    'ground',
    'id',
    'policyVersion',
    'purgedAt',
  ]
  const rest = ['state', 'storedAt', 'trail.index', 'trail.log', 'type', 'version']
  assert.deepEqual(sorted(pathsIn(json.items[0])), sorted([...tombstone, ...rest]))
  const other = await desk.ask('dpo', 'GET', '/v1/subjects/00000000-0000-4000-8000-000000000000/file')
  assert.equal(other.json.code, 'subject.unknown')
})
