import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { loadTenants } from '../../src/adapters/file-tenants.ts'
import type { PaperType } from '../../src/domain/media.ts'
import { deletionAnswerDueMs, retentionOf } from '../../src/domain/retention.ts'
import type { Subject } from '../../src/domain/subject.ts'
import type { Tenant } from '../../src/domain/tenant.ts'
import { aLife, aPaper } from '../support/a-subject.ts'
import { top } from './rules/source.ts'

/** What happened to a person, in words and as events. */
const situations: readonly (readonly [words: string, ...events: string[]])[] = [
  ['account open', 'opened 2020-01-15T03:00Z'],
  ['open, asked to be deleted', 'deletion.requested 2026-03-10T03:00Z'],
  ['closed 10 March 2026', 'closed 2026-03-10T03:00Z'],
  ['closed 10 March 2026, 23:59:59 in Jakarta', 'closed 2026-03-10T16:59:59Z'],
  ['closed a second later', 'closed 2026-03-10T17:00Z'],
  ['closed 29 February 2028', 'closed 2028-02-29T03:00Z'],
  ['closed, asked on the same day', 'closed 2026-03-10T03:00Z', 'deletion.requested 2026-03-10T04:00Z'],
  ['asked a month before it was closed', 'deletion.requested 2026-02-10T03:00Z', 'closed 2026-03-10T03:00Z'],
  ['closed, asked a month later', 'closed 2026-03-10T03:00Z', 'deletion.requested 2026-04-10T03:00Z'],
  [
    'closed, asked a month later, and again',
    'closed 2026-03-10T03:00Z',
    'deletion.requested 2026-04-10T03:00Z',
    'deletion.requested 2026-04-20T03:00Z',
  ],
  ['closed, asked five years and a day later', 'closed 2026-03-10T03:00Z', 'deletion.requested 2031-03-11T03:00Z'],
  ['closed, asked two days before the end', 'closed 2026-03-10T03:00Z', 'deletion.requested 2033-03-09T03:00Z'],
  ['closed and reopened', 'closed 2026-03-10T03:00Z', 'reopened 2026-06-01T03:00Z'],
  ['closed, reopened, closed', 'closed 2026-03-10T03:00Z', 'reopened 2026-06-01T03:00Z', 'closed 2027-01-31T03:00Z'],
  [
    'closed, asked, reopened, closed',
    'closed 2026-03-10T03:00Z',
    'deletion.requested 2026-03-11T03:00Z',
    'reopened 2026-03-20T03:00Z',
    'closed 2027-01-31T03:00Z',
  ],
  ['closed, a dispute open', 'closed 2026-03-10T03:00Z', 'dispute.opened 2026-03-11T03:00Z CASE-1'],
  [
    'closed, a dispute resolved',
    'closed 2026-03-10T03:00Z',
    'dispute.opened 2026-03-11T03:00Z CASE-1',
    'dispute.resolved 2034-03-11T03:00Z CASE-1',
  ],
  ['closed, a withdrawal pending', 'closed 2026-03-10T03:00Z', 'withdrawal.pending 2026-03-11T03:00Z W-1'],
]

const widths = [42, 10, 17, 18]
const columns = (...cells: readonly string[]): string =>
  cells
    .map((cell, at) => cell.padEnd(widths[at] ?? 0))
    .join('  ')
    .trimEnd()

function tableOf(tenant: Tenant): string {
  const { id, version, zone, holds } = tenant
  const deletion = tenant.policies.get(version)?.deletion
  const heading = `${id}, version ${version}; days in ${zone}; an answer within ${deletion?.answerDays} days; holds: ${holds.join(', ')}`
  const lines = situations.flatMap(([words, ...events]) => {
    // An event that a tenant does not act on is refused, and changes nothing.
    if (events.some(event => !holds.some(kind => event.startsWith(kind)) && /^(dispute|withdrawal)/.test(event)))
      return []
    const subject = aLife(...events)
    return [...tenant.papers.keys()].map((type, at) => columns(at === 0 ? words : '', ...lineOf(tenant, subject, type)))
  })
  const headers = columns('what happened', 'answer by', 'paper', 'destroyed from', 'why')
  return [heading, '', headers, ...lines].join('\n')
}

function lineOf(tenant: Tenant, subject: Subject, type: PaperType): readonly string[] {
  const retention = retentionOf(tenant, subject, aPaper(type, tenant.version)) ?? assert.fail()
  const { ground, basis, dueOn, heldBy } = retention
  const answerMs = deletionAnswerDueMs(tenant, subject)
  const zoned = (ms: number) => Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(tenant.zone)
  const answer = answerMs === undefined ? '–' : zoned(answerMs).toPlainDate().toString()
  const from = heldBy.length > 0 ? `${dueOn}, held` : (dueOn ?? 'not yet')
  return [answer, type, from, `${ground} (${basis})`]
}

test('the committed table of due dates is what the clocks of the tenants that ship say today', async () => {
  const tenants = await loadTenants(`${top}infra/tenants`)
  const intro = [
    'When a paper of each tenant may be destroyed: from the first instant of the day named on, in the zone of the tenant. "Answer by"',
    'is the day that begins when the person who asked to be deleted must have been answered. Written by test/repo/due-dates.test.ts',
    'with UPDATE_TABLES=1.',
  ].join('\n')
  const table = `${[intro, ...[...tenants.values()].map(tableOf)].join('\n\n\n')}\n`
  const path = `${top}test/repo/due-dates.txt`
  if (process.env.UPDATE_TABLES === '1') writeFileSync(path, table)
  assert.equal(table, readFileSync(path, 'utf8'), 'review the difference, then write it with UPDATE_TABLES=1')
})
