import type { CertificateView } from '../../src/domain/purge-view.ts'
import type { SubjectView } from '../../src/domain/subject-view.ts'
import type { DocumentView } from '../../src/domain/view.ts'
import { runPurgesOfAll } from '../../src/jobs/purge-turns.ts'
import type { TenantName } from '../support/open-vault.ts'
import { drawAddressProof, drawIdCard, drawSelfie } from '../support/papers.ts'
import { nightOf, openYears, type Years } from '../support/years.ts'
import { type Answer, expect, Surprise, Teller } from './teller.ts'

/**
 * `npm run tour:retention`: what becomes of the papers of one person for each of the three platforms, from upload to certificate.
 * Each story has a vault of its own in this process, with its real door and its real jobs, on a clock that the story moves: the
 * years pass in seconds. It ends with exit code 1 at the first surprise.
 */
const noSignal = new AbortController().signal
const why = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }

/** One person's story: who asks what at the door, and how time passes. */
class Story {
  readonly #years: Years
  readonly #tenant: TenantName
  readonly #teller: Teller
  #count = 0

  constructor(tenant: TenantName, years: Years) {
    this.#tenant = tenant
    this.#years = years
    this.#teller = new Teller(years.desk.opened.door.url)
  }

  say(text: string): void {
    this.#teller.say(`\n${text}`)
  }

  async upload(say: string, type: string, kind: string, file: Buffer): Promise<string> {
    const form = { meta: { type, kind }, file, name: 'paper' }
    const path = '/v1/subjects/person-1/documents'
    const { json } = await this.#post(say, 'onboarding', path, { form, expect: 201 })
    return (json as DocumentView).id
  }

  async tell(say: string, type: string, more: object = {}): Promise<void> {
    const at = new Date(this.#years.desk.clock.nowMs()).toISOString()
    await this.#post(say, 'onboarding', '/v1/subjects/person-1/events', { json: { type, at, ...more }, expect: 202 })
  }

  get(say: string, role: 'dpo' | 'senior-reviewer', path: string, status = 200, code?: string): Promise<Answer> {
    const key = this.#key(role)
    return this.#teller.ask({ say, key, path, headers: why, expect: status, ...(code === undefined ? {} : { code }) })
  }

  /** Somebody looks at a paper that must be there still. */
  async look(say: string, id: string): Promise<void> {
    await this.get(say, 'senior-reviewer', `/v1/documents/${id}/content`)
  }

  async gone(say: string, id: string): Promise<void> {
    await this.get(say, 'senior-reviewer', `/v1/documents/${id}/content`, 410, 'document.purged')
  }

  async certificate(say: string, id: string, basis: string, dueOn: string): Promise<void> {
    const { json } = await this.get(say, 'dpo', `/v1/documents/${id}/certificate`)
    const told = json as CertificateView
    expect(told.basis === basis && told.dueOn === dueOn, `the certificate should have said ${basis}, ${dueOn}`)
    const { closedAt, destroyedAt, live, backups, state, trail } = told
    this.words(`Account closed ${closedAt}; due on ${dueOn} under ${basis}; destroyed ${destroyedAt}.`)
    this.words(
      `Opens nowhere from ${live.by} on, in no backup from ${backups.by} on; ${state}. On record at ${trail.log}, ${trail.index}.`,
    )
  }

  /** What a paper says of its clock. */
  async clock(say: string, id: string): Promise<void> {
    const { json } = await this.get(say, 'dpo', `/v1/documents/${id}`)
    const { why: words, due, basis, heldBy = [] } = json as DocumentView
    expect(words !== undefined && due !== undefined && basis !== undefined, 'the paper should have told its clock')
    this.words(words)
    this.words(`Under ${basis.law}, in words for the person: "${basis.words}"`)
    for (const { kind, case: about } of heldBy) this.words(`Held by a ${kind}, ${about}.`)
  }

  async approve(say: string): Promise<void> {
    const { json } = await this.get('The data protection officer looks at the plans.', 'dpo', '/v1/purge-runs')
    const [run] = (json as { readonly items: readonly { readonly id: string; readonly planHash: string }[] }).items
    expect(run !== undefined, 'there should have been a plan')
    const { id, planHash } = run
    await this.#post(say, 'dpo', `/v1/purge-runs/${id}/approval`, { json: { planHash }, expect: 200 })
  }

  /** A line of the story, under the answer that it is drawn from. */
  words(text: string): void {
    this.#teller.say(`   = ${text}`)
  }

  /** The years pass, with the jobs at work every night. */
  async wait(say: string, day: string): Promise<void> {
    this.say(`   … ${say} It is ${day}, three in the morning.`)
    await this.#years.passTo(day)
  }

  /** One night passes in which nobody looks at a list. */
  async night(say: string, day: string): Promise<void> {
    const { clock } = this.#years.desk
    this.say(`   … ${say} It is ${day}, three in the morning.`)
    clock.advance(nightOf(day) - clock.nowMs())
    await this.work()
  }

  /** The jobs take their turn. */
  async work(): Promise<number> {
    return runPurgesOfAll(this.#years.desk.opened.vault, noSignal)
  }

  #post(
    say: string,
    role: 'onboarding' | 'dpo',
    path: string,
    request: Pick<Parameters<Teller['ask']>[0], 'json' | 'form' | 'expect'>,
  ): Promise<Answer> {
    const headers = { 'Idempotency-Key': `story-${++this.#count}` }
    return this.#teller.ask({ say, key: this.#key(role), method: 'POST', path, headers, ...request })
  }

  #key(role: 'onboarding' | 'dpo' | 'senior-reviewer'): string {
    return this.#years.desk.opened.key(this.#tenant, role)
  }
}

async function sevenYears(story: Story): Promise<void> {
  story.say('Nomor Keluar: seven years, and then nothing is left but the proof.')
  const id = await story.upload('The platform uploads the ID of a person.', 'id', 'passport', await drawIdCard(700))
  await story.upload('And a proof of address.', 'address', 'rental-contract', drawAddressProof())
  await story.wait('Two years pass.', '2032-02-29')
  await story.tell(
    'The person leaves, on a leap day. The platform says so, and the clock of the law begins to run.',
    'closed',
  )
  await story.clock('From now on the paper tells its day, and why it is kept until then.', id)
  await story.wait('Seven years pass.', '2039-02-28')
  await story.look('It is the last day, which is kept to its end: the paper opens.', id)
  await story.wait('The night after.', '2039-03-01')
  await story.gone('The paper is gone: first its key, then its bytes, in every version.', id)
  await story.get(
    'Of the person nothing is left, not the reference under which the platform knew them.',
    'dpo',
    '/v1/subjects/person-1',
    404,
    'subject.unknown',
  )
  await story.certificate('What is left is the certificate.', id, 'term:identity-records', '2039-03-01')
  await story.wait('A week later the last backup of the key is gone too.', '2039-03-09')
  const { json } = await story.get('The certificate says so.', 'dpo', `/v1/documents/${id}/certificate`)
  expect((json as { backups: { passed: boolean } }).backups.passed, 'the backups should have been gone')
  await toldLate(story)
}

async function toldLate(story: Story): Promise<void> {
  story.say('What is told years late waits for a person, whoever tells it.')
  const id = await story.upload('The platform uploads an ID.', 'id', 'passport', await drawIdCard(700))
  await story.tell('And says that this person left eight years ago.', 'closed', { at: '2031-03-01T05:00:00Z' })
  await story.clock('The paper is due, and waits.', id)
  await story.night('The schedule lists it apart.', '2039-03-10')
  await story.look('Nobody has approved that list: the paper opens still.', id)
  await story.approve('The officer knows why it was told so late, and approves exactly this list.')
  await story.work()
  await story.gone('Now it is gone.', id)
}

async function askedToBeDeleted(story: Story): Promise<void> {
  story.say('OMO7777: a person asks to be deleted, and has a decision for each paper within 30 days.')
  await story.tell('The platform says that the person has reached tier 2.', 'tier', { tier: 2 })
  const id = await story.upload('It uploads the ID.', 'id', 'e-ktp', await drawIdCard(700))
  const selfie = await story.upload('And the selfie.', 'selfie', 'portrait', await drawSelfie(400))
  await story.tell('The person closes the account.', 'closed')
  await story.tell('And asks to be deleted.', 'deletion.requested')
  await story.wait('A night passes.', '2030-01-11')
  const { json } = await story.get(
    'The answer stands: of each paper whether it is destroyed or kept, until when, and under which law.',
    'dpo',
    '/v1/subjects/person-1',
  )
  const { deletion } = json as SubjectView
  expect(deletion?.papers !== undefined, 'the request should have been told of')
  for (const { type, outcome, until, basis } of deletion.papers)
    story.words(`${type}: ${outcome} ${until}, ${basis?.law}.`)
  expect(deletion.state === 'answered', 'the request should have been answered')
  await story.wait('The days for the answer run.', '2030-01-31')
  await story.gone('The selfie, which no law asks for, is gone on day 21.', selfie)
  await story.certificate('Its certificate.', selfie, 'shred:consent', '2030-01-31')
  await story.look('The ID is there: the law asks for five years.', id)
  await story.wait('Five years pass, not seven.', '2035-01-11')
  await story.gone('The ID is gone as well.', id)
  await story.certificate('Its certificate names the law that kept it.', id, 'floor:identity-records', '2035-01-11')
}

async function dispute(story: Story): Promise<void> {
  story.say('JNETOT: a dispute keeps the papers past their day, and nothing is destroyed unseen.')
  const id = await story.upload('The platform uploads the ID.', 'id', 'passport', await drawIdCard(700))
  await story.tell('The person closes the account.', 'closed')
  await story.wait('Almost seven years pass.', '2036-12-01')
  await story.tell('The person disputes a payment.', 'dispute.opened', { ref: 'CASE-7' })
  await story.wait('The day of the paper comes and goes.', '2037-06-01')
  await story.look('It is held, so it opens.', id)
  await story.clock('It says what keeps it.', id)
  await story.tell('The dispute is resolved.', 'dispute.resolved', { ref: 'CASE-7' })
  await story.night('A night passes.', '2037-06-02')
  await story.look('A list stands, and this platform asks for a second person: the paper opens still.', id)
  await story.approve('They approve that list, by its hash.')
  const destroyed = await story.work()
  expect(destroyed === 1, `one paper should have been destroyed, and ${destroyed} were`)
  await story.gone('Within a minute the paper is gone.', id)
  await story.certificate('Its certificate.', id, 'term:identity-records', '2037-01-11')
}

const stories: Readonly<Record<TenantName, (story: Story) => Promise<void>>> = {
  'nomor-keluar': sevenYears,
  omo7777: askedToBeDeleted,
  jnetot: dispute,
}

try {
  for (const [tenant, tell] of Object.entries(stories)) {
    await using years = await openYears(tenant as TenantName, '2030-01-10')
    const story = new Story(tenant as TenantName, years)
    await tell(story)
    await years.assertWhole()
    story.say('Every row, key, sealed body and entry is looked at: everything holds together.\n')
  }
  process.stdout.write('That was the tour.\n')
} catch (error) {
  if (!(error instanceof Surprise)) throw error
  process.stdout.write(`\nA surprise: ${error.message}.\n`)
  process.exitCode = 1
}
