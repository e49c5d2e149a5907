import type { Entry } from '../../src/domain/entry.ts'
import { drawAddressProof, drawIdCard, drawSelfie } from '../support/papers.ts'
import { type RunningVault, startVault } from './running-vault.ts'
import { type Answer, expect, Surprise, Teller } from './teller.ts'

/**
 * `npm run tour`: the main job of the vault from a stranger's chair, over real HTTP, on papers drawn by code. It starts a vault
 * of its own in a new folder, tells each request and answer, stops it, lets `check` judge what is left, and ends with exit code 1
 * at the first surprise.
 */
const tenant = 'omo7777'
const subject = 'person-1001'
const documents = `/v1/subjects/${subject}/documents`
const why = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }

interface DocumentView {
  readonly id: string
  readonly sizeBytes: number
  readonly review: { readonly id: string }
}
interface TrailPage {
  readonly items: readonly { readonly index: number; readonly entry: Entry }[]
}

/** What the trail must tell at the end: which request, and what it says of it. */
interface Expected {
  readonly requestId: string
  readonly act: string
  readonly out: string
  readonly why?: string
}

try {
  using vault = await startVault()
  const teller = new Teller(vault.url)
  teller.say(`A vault of its own listens on ${vault.url}; its folder goes with it.\n`)
  await walk(vault, teller)
  expect((await vault.stop()) === 0, 'the vault should have stopped with exit code 0')
  teller.say('\nThe vault is stopped. Does everything hold together?', 'bold')
  const check = vault.command('check')
  teller.say(`   ${check.text}`, check.code === 0 ? 'green' : 'red')
  expect(check.code === 0, `check should have ended with exit code 0, and ended with ${check.code}`)
  teller.say('\nThat was the tour.', 'bold')
} catch (error) {
  if (!(error instanceof Surprise)) throw error
  process.stdout.write(`\nA surprise: ${error.message}.\n`)
  process.exitCode = 1
}

async function walk(vault: RunningVault, teller: Teller): Promise<void> {
  const [id, address, selfie] = await deposits(vault, teller)
  const looks = await review(vault, teller, id)
  await wholePaper(vault, teller, address)
  const refusals = await refused(vault, teller, address)
  const stranger = await otherTenant(vault, teller, id)
  await readTrail(vault, teller, tenant, [...looks, ...refusals])
  await readTrail(vault, teller, 'jnetot', [stranger])
  expect(selfie.sizeBytes > 0, 'the selfie should have a size')
}

async function deposits(vault: RunningVault, teller: Teller): Promise<[DocumentView, DocumentView, DocumentView]> {
  const key = vault.key(tenant, 'onboarding')
  const card = { meta: { type: 'id', kind: 'e-ktp' }, file: await drawIdCard(), name: 'card.jpg' }
  const bill = { meta: { type: 'address', kind: 'utility-bill' }, file: drawAddressProof(), name: 'bill.pdf' }
  const face = { meta: { type: 'selfie', kind: 'portrait' }, file: await drawSelfie(), name: 'face.jpg' }
  const put = { key, method: 'POST', path: documents } as const
  await teller.ask({
    ...put,
    say: 'The platform uploads an ID too early: this tenant collects papers only from tier 2 on.',
    headers: { 'Idempotency-Key': 'early' },
    form: card,
    expect: 403,
    code: 'paper.tier-too-low',
  })
  await teller.ask({
    key,
    say: 'The platform tells the vault that the person has reached tier 2.',
    method: 'POST',
    path: `/v1/subjects/${subject}/events`,
    headers: { 'Idempotency-Key': 'tier-2' },
    json: { type: 'tier', at: new Date().toISOString(), tier: 2 },
    expect: 202,
  })
  const upload = async (say: string, idempotency: string, form: typeof card) => {
    const answer = await teller.ask({ ...put, say, headers: { 'Idempotency-Key': idempotency }, form, expect: 201 })
    return answer
  }
  const first = await upload('It uploads the ID, a photograph.', 'id', card)
  const again = await upload(
    'It is not sure that the answer arrived, and asks again: the same answer, no second paper.',
    'id',
    card,
  )
  expect(again.headers.get('idempotent-replayed') === 'true', 'the second answer should be the first one, replayed')
  expect(idOf(again) === idOf(first), 'the second answer should name the same paper')
  const second = await upload('It uploads a proof of address, a PDF.', 'address', bill)
  const third = await upload('It uploads a selfie.', 'selfie', face)
  await teller.ask({
    ...put,
    say: 'It tries a payment paper, which this tenant promised its users never to collect.',
    headers: { 'Idempotency-Key': 'payment' },
    form: { ...card, meta: { type: 'payment_ownership', kind: 'bank-statement' } },
    expect: 403,
    code: 'paper.type-not-allowed',
  })
  const listed = await teller.ask({ key, say: 'It lists the papers of the person.', path: documents, expect: 200 })
  const ids = (listed.json as { readonly items: readonly DocumentView[] }).items.map(item => item.id)
  expect(ids.join() === [first, second, third].map(idOf).join(), 'the list should name the three papers, in order')
  return [first.json as DocumentView, second.json as DocumentView, third.json as DocumentView]
}

async function review(vault: RunningVault, teller: Teller, paper: DocumentView): Promise<readonly Expected[]> {
  const key = vault.key(tenant, 'reviewer')
  const open = { key, path: `/v1/documents/${paper.id}/content`, headers: why } as const
  const act = 'document.open.original'
  const early = await teller.ask({
    ...open,
    say: 'A reviewer opens the ID without having taken its review.',
    expect: 403,
    code: 'role.not-assigned',
  })
  await teller.ask({
    key,
    say: 'The reviewer looks at what is pending.',
    path: '/v1/reviews?state=pending',
    expect: 200,
  })
  await teller.ask({
    key,
    say: 'The reviewer takes the review of the ID, for eight hours.',
    method: 'PUT',
    path: `/v1/reviews/${paper.review.id}/assignment`,
    expect: 200,
  })
  const look = await teller.ask({ ...open, say: 'Now the original opens, for a purpose and a case.', expect: 200 })
  expect(look.bytes.length === paper.sizeBytes, 'the original should have the size that was told')
  expect(look.headers.get('cache-control') === 'no-store', 'nobody may keep a copy on the way')
  const blind = await teller.ask({
    ...open,
    say: 'Without a purpose it does not.',
    headers: { 'Vault-Case': 'CASE-1' },
    expect: 403,
    code: 'purpose.missing',
  })
  const decided = await teller.ask({
    key,
    say: 'The reviewer approves it.',
    method: 'POST',
    path: `/v1/documents/${paper.id}/reviews`,
    headers: { 'Idempotency-Key': 'decision' },
    json: { decision: 'approve', reasons: ['matches-subject'] },
    expect: 201,
  })
  const late = await teller.ask({
    ...open,
    say: 'With the decision the right to the original has ended.',
    expect: 403,
    code: 'role.not-assigned',
  })
  return [
    { requestId: early.requestId, act, out: 'deny', why: 'role.not-assigned' },
    { requestId: look.requestId, act, out: 'allow' },
    { requestId: look.requestId, act, out: 'done' },
    { requestId: blind.requestId, act, out: 'deny', why: 'purpose.missing' },
    { requestId: decided.requestId, act: 'review.decide', out: 'done' },
    { requestId: late.requestId, act, out: 'deny', why: 'role.not-assigned' },
  ]
}

async function wholePaper(vault: RunningVault, teller: Teller, paper: DocumentView): Promise<void> {
  const look = await teller.ask({
    say: 'A senior reviewer opens the proof of address: byte for byte what was uploaded.',
    key: vault.key(tenant, 'senior-reviewer'),
    path: `/v1/documents/${paper.id}/content`,
    headers: why,
    expect: 200,
  })
  expect(look.bytes.equals(drawAddressProof()), 'the PDF should be the one that was uploaded')
}

async function refused(vault: RunningVault, teller: Teller, paper: DocumentView): Promise<readonly Expected[]> {
  const answer = await teller.ask({
    say: 'Support staff try the proof of address.',
    key: vault.key(tenant, 'support'),
    path: `/v1/documents/${paper.id}/content`,
    headers: why,
    expect: 403,
    code: 'role.not-allowed',
  })
  return [{ requestId: answer.requestId, act: 'document.open.original', out: 'deny', why: 'role.not-allowed' }]
}

async function otherTenant(vault: RunningVault, teller: Teller, paper: DocumentView): Promise<Expected> {
  const answer = await teller.ask({
    say: 'A senior reviewer of another tenant tries the ID: for them it does not exist.',
    key: vault.key('jnetot', 'senior-reviewer'),
    path: `/v1/documents/${paper.id}/content`,
    headers: why,
    expect: 404,
    code: 'document.unknown',
  })
  return { requestId: answer.requestId, act: 'document.open.original', out: 'deny', why: 'document.unknown' }
}

async function readTrail(
  vault: RunningVault,
  teller: Teller,
  of: string,
  expected: readonly Expected[],
): Promise<void> {
  const answer = await teller.ask({
    say: `The auditor of ${of} reads the trail: every look and every refusal is there.`,
    key: vault.key(of, 'auditor'),
    path: '/v1/trail/entries?limit=100',
    headers: why,
    expect: 200,
  })
  const { items } = answer.json as TrailPage
  for (const { index, entry } of items.toReversed()) {
    const { ts, actor, act, out, why: reason, case: about } = entry
    const words = [String(index).padStart(3), ts, actor?.id ?? 'the vault', `${act}:`, out, reason, about]
    teller.say(`   ${words.filter(word => word !== undefined).join(' ')}`)
  }
  for (const one of expected) {
    const found = items.some(
      ({ entry }) =>
        entry.req === one.requestId && entry.act === one.act && entry.out === one.out && entry.why === one.why,
    )
    expect(found, `the trail of ${of} should hold ${one.act} ${one.out} of request ${one.requestId}`)
  }
}

function idOf(answer: Answer): string {
  return (answer.json as DocumentView).id
}
