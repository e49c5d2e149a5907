import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, paper } from '../support/call.ts'
import { emptyFolder } from '../support/folder.ts'
import { drawIdCard } from '../support/papers.ts'
import { runVault, type SpawnedVault, serveVault, settingsIn } from '../support/spawned-vault.ts'

const tenant = 'jnetot'
const why = { 'Vault-Purpose': 'legal', 'Vault-Case': 'WRIT-1' }

interface Desk {
  readonly folder: string
  readonly settings: Readonly<Record<string, string>>
  /** Writes the first key of a role to a file of its own. */
  readonly keyFile: (role: string) => Promise<string>
  readonly key: (role: string) => string
  readonly run: (...args: readonly string[]) => ReturnType<typeof runVault>
}

async function deskIn(folder: string): Promise<Desk> {
  const settings = settingsIn(folder)
  const { keys } = JSON.parse(await readFile(join(folder, 'data-keys/first-keys.json'), 'utf8')) as {
    readonly keys: readonly { readonly tenant: string; readonly role: string; readonly key: string }[]
  }
  const key = (role: string) => keys.find(one => one.tenant === tenant && one.role === role)?.key ?? assert.fail(role)
  const keyFile = async (role: string) => {
    const path = join(folder, `${role}.key`)
    await writeFile(path, key(role), { mode: 0o600 })
    return path
  }
  return { folder, settings, key, keyFile, run: (...args) => runVault(args, settings) }
}

async function stop(vault: SpawnedVault): Promise<void> {
  vault.process.kill('SIGTERM')
  assert.equal((await vault.ended).code, 0)
}

let asked = 0

/** Asks for a vote and has it cast. @returns the id to be named */
async function approved(url: string, { key }: Desk, action: string, target: string, headers = {}): Promise<string> {
  const idempotency = { 'Idempotency-Key': `ask-${++asked}` }
  const approval = await call(url, 'POST', '/v1/approvals', {
    key: key('legal'),
    headers: { ...headers, ...idempotency },
    json: { action, target },
  })
  assert.equal(approval.status, 201, JSON.stringify(approval.json))
  const path = `/v1/approvals/${approval.json.id}/votes`
  assert.equal((await call(url, 'POST', path, { key: key('dpo'), json: { vote: 'grant' } })).status, 201)
  return approval.json.id
}

test('while a vault runs, the commands that two people give go through it', async () => {
  await using folder = await emptyFolder()
  await using vault = await serveVault(settingsIn(folder.path))
  const desk = await deskIn(folder.path)
  const [admin, dpo, auditor] = await Promise.all(['admin', 'dpo', 'auditor'].map(desk.keyFile))
  const people = ['--key-file', admin ?? '', '--second-key-file', dpo ?? '']
  const status = await desk.run('keys', 'status', '--key-file', auditor ?? '')
  assert.equal(status.code, 0, status.stderr)
  assert.deepEqual(JSON.parse(status.stdout).items[0].epoch, 'docs/1')
  const rotated = await desk.run('keys', 'rotate', ...people)
  assert.deepEqual([rotated.code, JSON.parse(rotated.stdout).next], [0, { step: 'replace' }], rotated.stderr)
  assert.match(rotated.stderr, /within five minutes/)
  const alone = await desk.run('keys', 'rotate', '--key-file', admin ?? '', '--second-key-file', admin ?? '')
  assert.deepEqual([alone.code, alone.stderr.split(':')[0]], [1, 'role.second-person'])
  const byOperator = await desk.run('keys', 'rotate', '--asked')
  assert.deepEqual([byOperator.code, /by itself/.test(byOperator.stderr)], [3, true])
  const approval = await approved(vault.url, desk, 'caller.manage', 'new-key/rev-9/person/reviewer')
  const add = ['caller', 'add', '--person', 'rev-9', '--kind', 'person', '--role', 'reviewer', '--approval', approval]
  const legal = ['--key-file', await desk.keyFile('legal')]
  const added = await desk.run(...add, ...legal)
  assert.deepEqual([added.code, JSON.parse(added.stdout).caller.person], [0, 'rev-9'], added.stderr)
  const again = await desk.run(...add, ...legal)
  assert.deepEqual([again.code, again.stderr.split(':')[0]], [1, 'approval.ended'])
  const other = join(desk.folder, 'other-dpo.key')
  const second = await desk.run('caller', 'add', '--person', 'dpo-2', '--kind', 'person', '--role', 'dpo', ...people)
  await writeFile(other, JSON.parse(second.stdout).key, { mode: 0o600 })
  const confirm = ['purge', 'confirm-clock', '--key-file', dpo ?? '']
  const unheard = await desk.run(...confirm)
  assert.deepEqual([unheard.code, unheard.stderr.split(':')[0]], [1, 'role.second-person'])
  const confirmed = await desk.run(...confirm, '--second-key-file', other)
  assert.deepEqual([confirmed.code, JSON.parse(confirmed.stdout).trusted], [0, true], confirmed.stderr)
  await stop(vault)
  const stopped = await desk.run(...confirm, '--second-key-file', other)
  assert.deepEqual([stopped.code, JSON.parse(stopped.stdout).trusted], [0, true], stopped.stderr)
})

test('what was voted on while a vault ran is done by the commands once it stands', async () => {
  await using folder = await emptyFolder()
  await using vault = await serveVault(settingsIn(folder.path))
  const desk = await deskIn(folder.path)
  const uploaded = await call(vault.url, 'POST', '/v1/subjects/p-1/documents', {
    key: desk.key('onboarding'),
    headers: { 'Idempotency-Key': 'u' },
    body: paper({ type: 'id', kind: 'passport' }, await drawIdCard(950)),
  })
  const id = uploaded.json.id as string
  const rotation = await approved(vault.url, desk, 'key.rotate', 'epoch/docs/1')
  const exporting = await approved(vault.url, desk, 'document.export', `export/${id} court court/1`, why)
  await stop(vault)

  const legal = ['--key-file', await desk.keyFile('legal')]
  const recipient = join(desk.folder, 'recipient.key')
  await writeFile(recipient, randomBytes(32).toString('hex'), { mode: 0o600 })
  const out = join(desk.folder, 'paper.encrypted')
  const paperFor = (keyName: string, to: string) =>
    desk.run(
      ...['export-document', '--document', id, '--purpose', 'legal', '--case', 'WRIT-1', ...legal],
      ...['--recipient-key-file', recipient, '--recipient-namespace', 'court', '--recipient-key-name', keyName],
      ...['--out', to, '--approval', exporting],
    )
  const elsewhere = await paperFor('court/2', join(desk.folder, 'other.encrypted'))
  assert.deepEqual([elsewhere.code, elsewhere.stderr.trim()], [1, 'approval.other'], 'another recipient')
  const written = await paperFor('court/1', out)
  assert.equal(written.code, 0, written.stderr)
  assert.equal((await stat(out)).size, JSON.parse(written.stdout).bytes)

  const rotate = ['keys', 'rotate', '--approval', rotation, ...legal]
  const rotated = await desk.run(...rotate)
  assert.deepEqual([rotated.code, JSON.parse(rotated.stdout)], [0, { from: 'docs/1', to: 'docs/2' }], rotated.stderr)
  const again = await desk.run(...rotate)
  assert.deepEqual([again.code, again.stderr.trim()], [1, 'approval.other'], 'it was for docs/1')
  const malformed = await desk.run('keys', 'rotate', '--approval', 'x', ...legal)
  assert.equal(malformed.code, 2)
  const both = await desk.run('keys', 'rotate', '--asked', ...legal)
  assert.equal(both.code, 2)
  const nothing = await desk.run('keys', 'rotate', '--asked')
  assert.deepEqual([nothing.code, nothing.stdout], [0, ''], 'nobody asked for another')
  assert.match((await desk.run('check')).stdout, /everything holds together/)
})
