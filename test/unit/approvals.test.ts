import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Approval, approvable, approvalLivesMs, lookLivesMs, notOffered, vote } from '../../src/domain/approval.ts'
import { type Action, actions, matrix } from '../../src/domain/permission.ts'
import type { GuardedRoute } from '../../src/http/route.ts'
import { routes } from '../../src/http/routes.ts'
import { callerAs, tenantId } from '../support/house-work.ts'

const rooms = ['intake', 'access', 'review', 'retention', 'trail', 'upkeep']
const needsSecond = actions.filter(action => Object.values(matrix[action]).some(cell => cell === 'second'))
const names = Object.keys(approvable) as (keyof typeof approvable)[]

/** Every verb's source, by the actions that it asks to be admitted for. */
async function verbs(): Promise<ReadonlyMap<string, readonly { readonly path: string; readonly text: string }[]>> {
  const found = new Map<string, { readonly path: string; readonly text: string }[]>()
  for (const room of rooms) {
    const folder = join(import.meta.dirname, '../../src', room)
    for (const file of (await readdir(folder)).filter(name => name.endsWith('.ts'))) {
      const text = await readFile(join(folder, file), 'utf8')
      for (const [, quoted = '', started] of text.matchAll(/\baction: (?:'([a-z.-]+)'|`([a-z.]+)\$\{)/g)) {
        // Which rendition it is, is said by the request: the verb offers the original alone.
        const action = started === 'document.open.' ? 'document.open.original' : quoted
        found.set(action, [...(found.get(action) ?? []), { path: `${room}/${file}`, text }])
      }
    }
  }
  return found
}

test('every action marked A is either approvable, or does not exist yet', () => {
  assert.deepEqual([...names, ...notOffered].toSorted(), needsSecond.toSorted())
})

test('what does not exist yet has no verb, and what is approvable takes its second person from the admission', async () => {
  const all = await verbs()
  for (const action of notOffered) assert.deepEqual(all.get(action) ?? [], [], action)
  for (const action of names) {
    // The vault's own steps of a rotation follow from what two persons asked for.
    const asking = (all.get(action) ?? []).filter(({ text }) => !text.includes('upkeepCaller('))
    assert.ok(asking.length > 0, `${action} has no verb`)
    for (const { path, text } of asking) {
      assert.match(text, /\.\.\.besideIn\(input\),\n\s+target: /, `${path} takes no approval for ${action}`)
    }
  }
})

test('every route of an approvable action takes a second person and an approval', () => {
  const guarded = routes.filter((route): route is GuardedRoute => 'action' in route)
  const served = guarded.filter(({ action }) => (names as readonly Action[]).includes(action))
  for (const { id, headers = [] } of served) {
    for (const header of ['Vault-Second-Authorization', 'Vault-Approval'] as const) {
      assert.ok(headers.includes(header), `${id} does not read ${header}`)
    }
  }
  const routed = new Set(served.map(({ action }) => action))
  // A message for a recipient is written to a file of whoever calls the command.
  assert.deepEqual(
    names.filter(action => !routed.has(action)),
    ['document.export'],
  )
})

test('a target is one thing in one form, and nothing before or after it', () => {
  const id = '01890a5d-ac96-774b-bcce-b302099a8057'
  const good: Readonly<Record<keyof typeof approvable, readonly string[]>> = {
    'document.open.original': [`document/${id}`],
    'document.export': [`export/${id} court court/1`],
    'document.erase': [`document/${id}/court-order`],
    'review.override': [`review/${id}/approve`, `review/${id}/reject`],
    'hold.release': [`hold/${id}.3`],
    'key.rotate': ['epoch/docs/1', `epoch/arn:aws:kms:eu-west-1:000000000000:key/mrk-${'0'.repeat(32)}`],
    'caller.manage': [
      `key/${'a'.repeat(16)}`,
      'new-key/rev-9/person/reviewer+senior-reviewer',
      'token/https://login.example.com/realms/staff alice *',
      'token/https://login.example.com/realms/staff auth0|alice 3f2a==',
    ],
    'purge.confirm-clock': ['purge-clock'],
  }
  for (const action of names) {
    const { form } = approvable[action]
    for (const target of good[action]) {
      assert.match(target, form)
      for (const bad of [` ${target}`, `${target} x`, `${target}\n`, target.slice(1), '']) {
        assert.doesNotMatch(bad, form, `${action} ${JSON.stringify(bad)}`)
      }
    }
  }
})

test('a grant by a token’s vote lasts an hour at most, whatever it is for; one by a key lasts its day', () => {
  const asked: Approval = {
    id: '01890a5d-ac96-774b-bcce-b302099a8057' as Approval['id'],
    tenant: tenantId,
    action: 'hold.release',
    target: 'hold/01890a5d-ac96-774b-bcce-b302099a8057.1',
    state: 'pending',
    askedBy: callerAs('dpo').id,
    askedAtMs: 0,
    endsAtMs: approvalLivesMs,
    version: 1,
  }
  const by = callerAs('legal')
  const nowMs = 1_000
  assert.equal(vote(asked, true, by, nowMs).endsAtMs, approvalLivesMs)
  assert.equal(vote(asked, true, { ...by, auth: 'oidc' }, nowMs).endsAtMs, nowMs + lookLivesMs)
  const late = approvalLivesMs - 5
  assert.equal(
    vote(asked, true, { ...by, auth: 'oidc' }, late).endsAtMs,
    approvalLivesMs,
    'and never longer than asked',
  )
})
