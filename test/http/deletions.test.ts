import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VaultError } from '../../src/domain/errors.ts'
import type { DocumentId, TenantId } from '../../src/domain/ids.ts'
import { dayIn } from '../../src/domain/retention.ts'
import type { Tenant } from '../../src/domain/tenant.ts'
import { answerDeletions, countOverdueAnswers } from '../../src/retention/answer-deletions.ts'
import { atCommit } from '../support/at-commit.ts'
import { bury, type FileDesk, giveUp, openFileDesk } from '../support/file-desk.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { recorded } from '../support/recorded.ts'

const dayMs = 86_400_000
const omo = 'omo7777' as TenantId
const noSignal = new AbortController().signal

const answer = (desk: FileDesk) => answerDeletions(desk.opened.vault, omo, noSignal)
const answersOnRecord = async (desk: FileDesk) =>
  (await recorded(desk.opened.vault, omo)).filter(({ act, out }) => act === 'deletion.answer' && out === 'allow')
const deletionOf = async (desk: FileDesk, subject: string, role: 'onboarding' | 'dpo' = 'onboarding') =>
  (await desk.ask(role, 'GET', `/v1/subjects/${subject}`)).json.deletion

interface PaperTold {
  readonly id: string
  readonly outcome: string
  readonly until?: string
  readonly ground: string
  readonly basis?: { readonly name: string; readonly law: string }
  readonly held: boolean
}

/** A person of tier 2 with an ID and a selfie. */
async function person(desk: FileDesk, subject: string): Promise<{ id: DocumentId; selfie: DocumentId }> {
  await desk.tell(subject, 'tier', { tier: 2 })
  return { id: await desk.upload(subject), selfie: await desk.upload(subject, 'selfie', 'portrait') }
}

const dayAfter = (desk: FileDesk, plus: Temporal.DurationLike = { days: 0 }): string =>
  Temporal.PlainDate.from(dayIn(desk.clock.nowMs(), 'Asia/Jakarta')).add(plus).toString()

test('who asks to be deleted is told at once of each paper whether it is shredded or kept, until when and under which law', async () => {
  await using desk = await openFileDesk('omo7777')
  const { id, selfie } = await person(desk, 'p-1')
  await desk.tell('p-1', 'closed')
  await desk.tell('p-1', 'deletion.requested')
  const open = await deletionOf(desk, 'p-1')
  assert.equal(open.state, 'open')
  assert.ok(Date.parse(open.answerDueAt) <= desk.clock.nowMs() + 31 * dayMs)
  assert.deepEqual(await answer(desk), { answered: 1, overdue: 0 })
  const told = await deletionOf(desk, 'p-1')
  assert.deepEqual([told.state, told.answeredAt], ['answered', new Date(desk.clock.nowMs()).toISOString()])
  const [first, second] = told.papers as PaperTold[]
  const floor = dayAfter(desk, { years: 5, days: 0 })
  const keptUntil = Temporal.PlainDate.from(floor).add({ days: 1 }).toString()
  assert.deepEqual([first?.id, first?.outcome, first?.until, first?.ground], [id, 'kept', keptUntil, 'floor'])
  assert.match(first?.basis?.law ?? '', /UU 8\/2010/)
  const shredOn = dayAfter(desk, { days: 21 })
  assert.deepEqual([second?.id, second?.outcome, second?.until, second?.ground], [selfie, 'shredded', shredOn, 'shred'])
  const [entry, ...more] = await answersOnRecord(desk)
  assert.equal(more.length, 0)
  const { papers, shredded, kept, held, shreddedBy, bases, policy } = entry?.det ?? {}
  assert.deepEqual({ papers, shredded, kept, held, policy }, { papers: 2, shredded: 1, kept: 1, held: 0, policy: 1 })
  assert.deepEqual({ shreddedBy, bases }, { shreddedBy: shredOn, bases: [`identity-records:${keptUntil}`] })
  assert.ok(!JSON.stringify(entry).includes('p-1'))
  assert.deepEqual(await answer(desk), { answered: 0, overdue: 0 }, 'an answer is given once')
})

test('who asks again after the answer is answered anew, in its own time, and loses no day by it', async () => {
  await using desk = await openFileDesk('omo7777')
  await person(desk, 'p-1')
  await desk.tell('p-1', 'closed')
  await desk.tell('p-1', 'deletion.requested')
  const first = await deletionOf(desk, 'p-1')
  assert.deepEqual(await answer(desk), { answered: 1, overdue: 0 })
  desk.clock.advance(10 * dayMs)
  await desk.tell('p-1', 'deletion.requested')
  const again = await deletionOf(desk, 'p-1')
  assert.deepEqual([again.state, again.askedAt], ['open', new Date(desk.clock.nowMs()).toISOString()])
  assert.equal(Date.parse(again.answerDueAt), Date.parse(first.answerDueAt) + 10 * dayMs)
  assert.deepEqual(await answer(desk), { answered: 1, overdue: 0 })
  const asked = (await answersOnRecord(desk)).map(({ det }) => det?.asked)
  assert.deepEqual(asked, [first.askedAt, new Date(desk.clock.nowMs()).toISOString()])
  assert.equal((await deletionOf(desk, 'p-1')).state, 'answered')
})

test('what has been destroyed by then is told with its day', async () => {
  await using desk = await openFileDesk('omo7777')
  const { selfie } = await person(desk, 'p-1')
  await desk.tell('p-1', 'closed')
  await desk.tell('p-1', 'deletion.requested')
  await giveUp(desk, 'p-1', [selfie])
  await bury(desk, 'p-1', false)
  assert.deepEqual(await answer(desk), { answered: 1, overdue: 0 })
  const papers: PaperTold[] = (await deletionOf(desk, 'p-1')).papers
  const gone = papers.find(paper => paper.id === selfie)
  assert.deepEqual([gone?.outcome, gone?.until], ['shredded', dayAfter(desk)])
})

test('while the account is open all is kept for the relationship, and the time for the answer begins with the closure', async () => {
  await using desk = await openFileDesk('omo7777')
  await person(desk, 'p-1')
  await desk.tell('p-1', 'deletion.requested')
  desk.clock.advance(90 * dayMs)
  assert.deepEqual(await answer(desk), { answered: 0, overdue: 0 })
  const waiting = await deletionOf(desk, 'p-1')
  assert.deepEqual([waiting.state, waiting.answerDueAt], ['waiting', undefined])
  assert.deepEqual(
    waiting.papers.map(({ outcome, ground, until }: PaperTold) => [outcome, ground, until]),
    [
      ['kept', 'relationship', undefined],
      ['kept', 'relationship', undefined],
    ],
  )
  await desk.tell('p-1', 'closed')
  assert.deepEqual(await answer(desk), { answered: 1, overdue: 0 })
  desk.clock.advance(1_000)
  await desk.tell('p-1', 'reopened')
  assert.equal(await deletionOf(desk, 'p-1'), undefined, 'a request lapses when the account is opened again')
})

test('a paper that only a hold keeps is waited for, and told as held on the last day', async () => {
  await using desk = await openFileDesk('omo7777')
  const { selfie } = await person(desk, 'p-1')
  await desk.tell('p-1', 'closed')
  await desk.tell('p-1', 'deletion.requested')
  const hold = await desk.post('legal', '/v1/holds', {
    subject: 'p-1',
    kind: 'legal_order',
    case: 'W-1',
    document: selfie,
  })
  assert.deepEqual(await answer(desk), { answered: 0, overdue: 0 }, 'it may be released in time')
  desk.clock.advance(28 * dayMs)
  assert.deepEqual(await answer(desk), { answered: 0, overdue: 0 })
  desk.clock.advance(dayMs + dayMs / 2)
  assert.deepEqual(await answer(desk), { answered: 1, overdue: 0 })
  const papers: PaperTold[] = (await deletionOf(desk, 'p-1')).papers
  assert.deepEqual(
    papers.map(({ outcome, held }) => [outcome, held]),
    [
      ['kept', false],
      ['kept', true],
    ],
  )
  assert.equal((await answersOnRecord(desk)).at(-1)?.det?.held, 1)
  await desk.post('legal', `/v1/holds/${hold.json.id}/release`, undefined, desk.beside('dpo'))
  const released: PaperTold[] = (await deletionOf(desk, 'p-1')).papers
  assert.deepEqual([released[1]?.outcome, released[1]?.held], ['shredded', false], 'what is told follows what is')
})

test('where nobody can say what becomes of a paper the answer waits, and once it is overdue the operator hears of it', async () => {
  await using desk = await openFileDesk('omo7777', { metricsPort: 0 })
  const gauge = async () => {
    const text = await (await fetch(desk.opened.door.metricsUrl ?? '')).text()
    return /^vault_deletion_answers_overdue\{tenant="omo7777"\} (\d+)$/m.exec(text)?.[1]
  }
  await person(desk, 'p-1')
  await desk.tell('p-1', 'closed')
  await desk.tell('p-1', 'deletion.requested')
  const tenants = desk.opened.vault.tenants as Map<TenantId, Tenant>
  const whole = tenants.get(omo)
  const clocks = whole?.policies.get(1)
  assert.ok(whole && clocks)
  // As when the file of the version that the papers came under was lost.
  const holey: Tenant = { ...whole, version: 2, policies: new Map([[2, { ...clocks, version: 2 }]]) }
  tenants.set(omo, holey)
  assert.deepEqual(await answer(desk), { answered: 0, overdue: 0 })
  assert.deepEqual((await deletionOf(desk, 'p-1')).papers, [], 'nothing is said of what nobody knows')
  desk.clock.advance(40 * dayMs)
  assert.deepEqual(await answer(desk), { answered: 0, overdue: 1 })
  assert.equal(await countOverdueAnswers(desk.opened.vault, holey), 1)
  assert.equal(await gauge(), '1')
  const alert = desk.opened.lines.find(({ event }) => event === 'answers to requests to be deleted are overdue')
  assert.deepEqual([alert?.level, alert?.tenant, alert?.count], ['error', omo, 1])
  tenants.set(omo, whole)
  assert.deepEqual(await answer(desk), { answered: 1, overdue: 0 })
  assert.equal(await countOverdueAnswers(desk.opened.vault, whole), 0)
})

test('who scrapes often is told the same again, and the ledger is asked once; while it is away no number is said to be none', async () => {
  const asked: string[] = []
  await using desk = await openFileDesk('omo7777', {
    metricsPort: 0,
    wrapPorts: ports => ({
      ...ports,
      ledger: new Proxy(ports.ledger, {
        get: (target, name) => {
          if (name === 'countUnanswered') {
            return (...[tenant, beforeMs]: Parameters<typeof target.countUnanswered>) => {
              asked.push(tenant)
              if (tenant === 'jnetot') return Promise.reject(new VaultError('ledger.unavailable'))
              return target.countUnanswered(tenant, beforeMs)
            }
          }
          const value: unknown = Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      }),
    }),
  })
  const scrape = async () => (await fetch(desk.opened.door.metricsUrl ?? '')).text()
  for (let times = 0; times < 3; times++) {
    const text = await scrape()
    assert.match(text, /^vault_deletion_answers_overdue\{tenant="omo7777"\} 0$/m)
    assert.ok(!text.includes('vault_deletion_answers_overdue{tenant="jnetot"}'))
    assert.match(text, /^vault_requests_in_flight 0$/m)
  }
  assert.deepEqual(asked.toSorted(), ['jnetot', 'nomor-keluar', 'omo7777'])
})

test('another request after the answer is answered anew', async () => {
  await using desk = await openFileDesk('omo7777')
  await person(desk, 'p-1')
  await desk.tell('p-1', 'closed')
  await desk.tell('p-1', 'deletion.requested')
  assert.deepEqual(await answer(desk), { answered: 1, overdue: 0 })
  desk.clock.advance(dayMs)
  await desk.tell('p-1', 'deletion.requested')
  assert.equal((await deletionOf(desk, 'p-1')).state, 'open')
  assert.deepEqual(await answer(desk), { answered: 1, overdue: 0 })
  assert.equal((await answersOnRecord(desk)).length, 2)
})

test('an answer that loses to an event is given by the next run, on what is true then', async () => {
  let meanwhile: (() => Promise<unknown>) | undefined
  await using desk = await openFileDesk('omo7777', {
    wrapPorts: ports =>
      atCommit(ports, async () => {
        const now = meanwhile
        meanwhile = undefined
        await now?.()
      }),
  })
  await person(desk, 'p-1')
  await desk.tell('p-1', 'closed')
  await desk.tell('p-1', 'deletion.requested')
  meanwhile = async () => {
    const subject = await desk.subject('p-1')
    const put = { ...subject, version: subject.version + 1 }
    await desk.ports.ledger.commit(rawGrant, [{ row: 'subject', expected: subject.version, put }])
  }
  assert.deepEqual(await answer(desk), { answered: 0, overdue: 0 })
  assert.equal((await deletionOf(desk, 'p-1')).state, 'open')
  assert.deepEqual(await answer(desk), { answered: 1, overdue: 0 })
  const entries = (await recorded(desk.opened.vault, omo)).filter(({ act }) => act === 'deletion.answer')
  assert.deepEqual(
    entries.map(({ out, why }) => [out, why]),
    [
      ['allow', undefined],
      ['error', 'ledger.conflict'],
      ['allow', undefined],
      ['done', undefined],
    ],
  )
})
