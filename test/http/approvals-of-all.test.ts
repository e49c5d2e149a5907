import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exportDocument } from '../../src/access/export-document.ts'
import { type ApprovableAction, approvable, lookLivesMs } from '../../src/domain/approval.ts'
import { VaultError } from '../../src/domain/errors.ts'
import type { ApprovalId, CaseReference, DocumentId } from '../../src/domain/ids.ts'
import { type CallAnswer, call, paper } from '../support/call.ts'
import { emptyFolder } from '../support/folder.ts'
import { type LocalIssuer, openIssuer } from '../support/local-issuer.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { issuerEntry } from '../support/oidc-place.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { drawIdCard } from '../support/papers.ts'
import { recorded } from '../support/recorded.ts'

const tenant = 'jnetot'
const why = { 'Vault-Purpose': 'legal', 'Vault-Case': 'warrant-7' }
const clock = new ManualClock(Date.now())
const stack = new AsyncDisposableStack()
let issuer: LocalIssuer
let opened: TestVault
/** A second person for roles that only their own stand beside. */
const others = new Map<string, string>()

const keyOf = (role: string): string => others.get(role) ?? opened.key(tenant, role as 'dpo')
const post = (key: string, path: string, json?: unknown, headers: Record<string, string> = {}) =>
  call(opened.door.url, 'POST', path, {
    key,
    headers: { 'Idempotency-Key': randomUUID(), ...headers },
    ...(json === undefined ? {} : { json }),
  })
const by = (approval: string) => ({ 'Vault-Approval': approval })

before(async () => {
  issuer = stack.use(await openIssuer(() => clock.nowMs()))
  const file = join(stack.use(await emptyFolder()).path, 'oidc.json')
  const entry = issuerEntry(issuer, { roles: { 'kyc-legal': 'legal' }, persons: { counsel: 'counsel' } })
  await writeFile(file, JSON.stringify({ issuers: [entry] }))
  opened = stack.use(await openVault({ clock, settings: { VAULT_OIDC_FILE: file } }))
  for (const role of ['dpo', 'senior-reviewer']) {
    const beside = { 'Vault-Second-Authorization': `Bearer ${keyOf('legal')}` }
    const made = await post(
      keyOf('admin'),
      '/v1/callers',
      { person: `other-${role}`, kind: 'person', roles: [role] },
      beside,
    )
    assert.equal(made.status, 201)
    others.set(`other ${role}`, made.json.key)
  }
})
after(() => stack.disposeAsync())

let uploaded = 0

async function upload(): Promise<string> {
  const n = ++uploaded
  const body = paper({ type: 'id', kind: 'passport' }, await drawIdCard(700 + n))
  const answer = await call(opened.door.url, 'POST', `/v1/subjects/p-${n}/documents`, {
    key: keyOf('onboarding'),
    headers: { 'Idempotency-Key': `upload-${n}` },
    body,
  })
  assert.equal(answer.status, 201)
  return answer.json.id
}

/** What a request came to: a status, and the code of a refusal. */
type End = readonly [status: number, code?: string]
const endOf = ({ status, json }: CallAnswer): End => (status < 300 ? [status] : [status, json.code])

interface Scene {
  readonly asker: string
  readonly voter: string
  readonly target: string
  readonly headers?: Record<string, string>
  /** Each time a request of its own, so that nothing is a repetition. */
  readonly use: (approval: string) => Promise<End>
  /** What it comes to with a person's vote. */
  readonly good: number
}

const scenes: Readonly<Record<ApprovableAction, readonly (() => Promise<Scene>)[]>> = {
  'document.open.original': [
    async () => {
      const id = await upload()
      const use = (approval: string) =>
        call(opened.door.url, 'GET', `/v1/documents/${id}/content`, {
          key: keyOf('dpo'),
          headers: { ...why, ...by(approval) },
        })
      return {
        asker: 'dpo',
        voter: 'legal',
        target: `document/${id}`,
        headers: why,
        use: async a => endOf(await use(a)),
        good: 200,
      }
    },
  ],
  'document.export': [
    async () => {
      const id = await upload()
      return {
        asker: 'legal',
        voter: 'dpo',
        target: `export/${id} court court/1`,
        headers: why,
        use: approval => exported(id as DocumentId, approval as ApprovalId),
        good: 200,
      }
    },
  ],
  'document.erase': [
    async () => {
      const id = await upload()
      const use = (approval: string) =>
        post(keyOf('dpo'), `/v1/documents/${id}/erasure`, { reason: 'court-order' }, { ...why, ...by(approval) })
      const target = `document/${id}/court-order`
      return { asker: 'dpo', voter: 'legal', target, headers: why, use: async a => endOf(await use(a)), good: 202 }
    },
  ],
  'review.override': [
    async () => {
      const id = await upload()
      const decided = await post(keyOf('senior-reviewer'), `/v1/documents/${id}/reviews`, {
        decision: 'approve',
        reasons: ['matches-subject'],
      })
      const json = { decision: 'reject', reasons: ['tampered'] }
      const review = decided.json.id
      return {
        asker: 'senior-reviewer',
        voter: 'other senior-reviewer',
        target: `review/${review}/reject`,
        use: async a => endOf(await post(keyOf('senior-reviewer'), `/v1/reviews/${review}/override`, json, by(a))),
        good: 201,
      }
    },
  ],
  'hold.release': [
    async () => {
      await upload()
      const order = { subject: `p-${uploaded}`, kind: 'legal_order', case: `WRIT-${uploaded}` }
      const { json } = await post(keyOf('legal'), '/v1/holds', order)
      return {
        asker: 'dpo',
        voter: 'legal',
        target: `hold/${json.id}`,
        use: async a => endOf(await post(keyOf('dpo'), `/v1/holds/${json.id}/release`, undefined, by(a))),
        good: 200,
      }
    },
  ],
  'key.rotate': [
    async () => {
      const use = (approval: string) => post(keyOf('admin'), '/v1/keys/rotations', { epoch: 'docs/1' }, by(approval))
      return { asker: 'admin', voter: 'legal', target: 'epoch/docs/1', use: async a => endOf(await use(a)), good: 202 }
    },
  ],
  'caller.manage': [
    async () => {
      const json = { person: 'rev-9', kind: 'person', roles: ['reviewer'] }
      const use = (approval: string) => post(keyOf('admin'), '/v1/callers', json, by(approval))
      return {
        asker: 'admin',
        voter: 'dpo',
        target: 'new-key/rev-9/person/reviewer',
        use: async a => endOf(await use(a)),
        good: 201,
      }
    },
    async () => {
      const keyId = keyOf('auditor').split('_')[1] ?? ''
      const use = (approval: string) => post(keyOf('dpo'), `/v1/callers/${keyId}/revoke`, undefined, by(approval))
      return { asker: 'dpo', voter: 'admin', target: `key/${keyId}`, use: async a => endOf(await use(a)), good: 200 }
    },
    async () => {
      const json = { issuer: issuer.url, subject: 'somebody' }
      const use = (approval: string) => post(keyOf('admin'), '/v1/denied-tokens', json, by(approval))
      const target = `token/${issuer.url} somebody *`
      return { asker: 'admin', voter: 'legal', target, use: async a => endOf(await use(a)), good: 201 }
    },
  ],
  'purge.confirm-clock': [
    async () => ({
      asker: 'dpo',
      voter: 'other dpo',
      target: 'purge-clock',
      use: async a =>
        endOf(
          await call(opened.door.url, 'POST', '/v1/purge-clock/confirmation', { key: keyOf('dpo'), headers: by(a) }),
        ),
      good: 200,
    }),
  ],
}

/** No route gives a message for a recipient out: the verb is asked as the command asks it. */
async function exported(id: DocumentId, approval: ApprovalId): Promise<End> {
  const caller = await opened.vault.identity.identify(keyOf('legal'), 'test')
  assert.ok(caller)
  const recipient = { namespace: 'court', keyName: 'court/1', wrappingKey: randomBytes(32) }
  const reason = { purpose: why['Vault-Purpose'], case: why['Vault-Case'] as CaseReference }
  const signal = new AbortController().signal
  try {
    const { bytes, finish } = await exportDocument(opened.vault, caller, { id, approval, reason, recipient, signal })
    let length = 0
    for await (const chunk of bytes) length += chunk.length
    await finish({ complete: true, bytes: length })
    return [200]
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    return [error.code === 'approval.ended' ? 410 : 403, error.code]
  }
}

async function ask(action: string, { asker, target, headers = {} }: Scene): Promise<string> {
  const asked = await post(keyOf(asker), '/v1/approvals', { action, target }, headers)
  assert.deepEqual(endOf(asked), [201], `${action} ${target}`)
  return asked.json.id
}

const vote = (key: string, approval: string) => post(key, `/v1/approvals/${approval}/votes`, { vote: 'grant' })

for (const action of Object.keys(approvable) as ApprovableAction[]) {
  for (const [at, begin] of scenes[action].entries()) {
    test(`${action} ${at + 1}: asked for, voted on by another person, used, and all of it on record`, async () => {
      const scene = await begin()
      const approval = await ask(action, scene)
      assert.deepEqual(await scene.use(approval), [403, 'approval.pending'])
      assert.deepEqual(endOf(await vote(keyOf(scene.asker), approval)), [403, 'approval.own'])
      assert.deepEqual(endOf(await vote(keyOf(scene.voter), approval)), [201])
      assert.deepEqual(await scene.use(approval), [scene.good])
      const isOnce = approvable[action].lasts === 'once'
      assert.deepEqual(await scene.use(approval), isOnce ? [410, 'approval.ended'] : [scene.good])
      const shown = await call(opened.door.url, 'GET', `/v1/approvals/${approval}`, { key: keyOf('legal') })
      assert.equal(shown.json.state, isOnce ? 'used' : 'granted')
      const entries = (await recorded(opened.vault, tenant)).filter(({ det }) => det?.approval === approval)
      const told = entries.map(({ act, out, why: code }) => [act, out, code ?? ''].join(' ').trim())
      const used = isOnce ? `${action} deny approval.ended` : `${action} allow`
      assert.deepEqual(
        told.filter(line => line !== 'approval.read done'),
        [
          'approval.ask done',
          `${action} deny approval.pending`,
          'approval.vote deny approval.own',
          'approval.vote allow',
          `${action} allow`,
          used,
        ],
      )
      assert.ok(entries.find(({ act, out }) => act === action && out === 'allow')?.det?.second)
    })
  }
}

test('a vote by a token lends its person for an hour, also for what lasts a day by a key', async () => {
  const [begin] = scenes['hold.release']
  assert.ok(begin)
  for (const [afterMs, end] of [
    [lookLivesMs - 1, [200]],
    [lookLivesMs, [410, 'approval.ended']],
  ] as const) {
    const scene = await begin()
    const approval = await ask('hold.release', scene)
    const claims = { kyc_tenant: tenant, realm_access: { roles: ['kyc-legal'] }, sub: 'counsel' }
    assert.deepEqual(endOf(await vote(issuer.token(claims), approval)), [201])
    clock.advance(afterMs)
    assert.deepEqual(await scene.use(approval), end)
  }
})
