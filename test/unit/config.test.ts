import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { describeConfig } from '../../src/commands/describe-config.ts'
import { readConfig } from '../../src/config.ts'
import { VaultError } from '../../src/domain/errors.ts'
import { settingNames } from '../../src/settings.ts'
import { embeddedConfig } from '../support/embedded-config.ts'

/** The names of the variables that an environment is refused for, with what is said of each. */
function problemsOf(environment: Record<string, string>): Record<string, string> {
  try {
    readConfig(environment)
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    assert.equal(error.code, 'config.invalid')
    return Object.fromEntries((error.facts.problems ?? []).map(({ field, message }) => [field, message]))
  }
  return {}
}

test('with no variable set every setting has its documented default', () => {
  const config = embeddedConfig({})
  assert.equal(config.dataDir, resolve('vault-data'))
  assert.equal(config.keysDir, resolve('vault-data-keys'))
  assert.equal(config.host, '127.0.0.1')
  assert.equal(config.port, 8080)
  assert.equal(config.metricsPort, undefined)
  assert.equal(config.readBudgetPerHour, 600)
  assert.ok(Object.isFrozen(config))
})

test('the folder of keys follows the data folder unless it is set', () => {
  assert.equal(embeddedConfig({ VAULT_DATA_DIR: '/srv/vault' }).keysDir, '/srv/vault-keys')
  assert.equal(embeddedConfig({ VAULT_DATA_DIR: '/srv/vault/' }).keysDir, '/srv/vault-keys')
  assert.equal(embeddedConfig({ VAULT_DATA_DIR: '/srv/vault', VAULT_KEYS_DIR: '/etc/keys' }).keysDir, '/etc/keys')
})

test('an empty variable counts as absent, and other programs’ and the tests’ variables are left alone', () => {
  const config = readConfig({ VAULT_PORT: '', VAULT_TEST_REQUIRE: 'all', PATH: '/bin', port: '1' })
  assert.equal(config.port, 8080)
})

test('all problems are reported at once, unknown names among them', () => {
  const problems = problemsOf({
    VAULT_PORT: '70000',
    VAULT_READ_BUDGET: 'many',
    VAULT_LOG_LEVEL: 'loud',
    VAULT_UPLOAD_BUDGET_BYTES: '1',
    VAULT_DATA_DIRECTORY: '/x',
  })
  assert.deepEqual(Object.keys(problems).sort(), [
    'VAULT_DATA_DIRECTORY',
    'VAULT_LOG_LEVEL',
    'VAULT_PORT',
    'VAULT_READ_BUDGET',
    'VAULT_UPLOAD_BUDGET_BYTES',
  ])
  assert.match(problems['VAULT_UPLOAD_BUDGET_BYTES'] ?? '', /at least 33554432/)
})

test('numbers are whole decimals and nothing else', () => {
  for (const value of ['1e3', '0x50', '-1', ' 80', '80.5', 'NaN', '٨٠']) {
    assert.deepEqual(Object.keys(problemsOf({ VAULT_PORT: value })), ['VAULT_PORT'], value)
  }
})

test('the metrics listener is off, on a free port, or on a port', () => {
  assert.equal(readConfig({ VAULT_METRICS_PORT: 'off' }).metricsPort, undefined)
  assert.equal(readConfig({ VAULT_METRICS_PORT: '0' }).metricsPort, 0)
  assert.equal(readConfig({ VAULT_METRICS_PORT: '9464' }).metricsPort, 9464)
  assert.deepEqual(Object.keys(problemsOf({ VAULT_METRICS_PORT: 'on' })), ['VAULT_METRICS_PORT'])
})

test('no refusal quotes a value: a secret may have been put into the wrong variable', () => {
  const secret = 'hunter2-hunter2'
  const names = ['VAULT_PORT', 'VAULT_METRICS_PORT', 'VAULT_READ_BUDGET', 'VAULT_LOG_LEVEL', 'VAULT_PASSPHRASE']
  for (const name of names) {
    const problems = problemsOf({ [name]: secret })
    assert.deepEqual(Object.keys(problems), [name])
    assert.ok(!JSON.stringify(problems).includes(secret))
  }
})

test('the reference to a secret is shown as set or not set, never as what it is', () => {
  const shown = describeConfig(readConfig({ VAULT_KEYRING_PASSPHRASE_FILE: '/run/secrets/passphrase' }))
  assert.equal(shown.VAULT_KEYRING_PASSPHRASE_FILE, '[set]')
  assert.ok(!JSON.stringify(shown).includes('/run/secrets'))
  assert.equal(describeConfig(readConfig({})).VAULT_KEYRING_PASSPHRASE_FILE, '[not set]')
})

test('what is shown, read again, gives the same settings', () => {
  const shown: Record<string, string> = { ...describeConfig(readConfig({ VAULT_PORT: '0', VAULT_METRICS_PORT: '0' })) }
  delete shown['VAULT_KEYRING_PASSPHRASE_FILE']
  assert.deepEqual(readConfig(shown), readConfig({ VAULT_PORT: '0', VAULT_METRICS_PORT: '0' }))
})

const production = {
  VAULT_BACKING: 'production',
  VAULT_REGIONS: 'eu-west-1',
  VAULT_TLS_FLOOR: '1.3',
  VAULT_MONGODB_URI_FILE: '/run/secrets/mongodb',
  VAULT_MONGODB_DATABASE: 'vault',
  VAULT_MONGODB_KEYS_DATABASE: 'vault-keys',
  VAULT_S3_REGION: 'eu-west-1',
  VAULT_S3_BUCKET: 'papers',
  VAULT_ANCHOR_BUCKET: 'anchors',
  VAULT_KMS_REGION: 'eu-west-1',
  VAULT_KMS_DOCUMENTS_KEY: 'alias/vault-documents',
  VAULT_KMS_BLIND_INDEX_KEY: 'alias/vault-blind-index',
  VAULT_KMS_DOOR_FILE: '/etc/vault/door.json',
}

test('production needs each of its settings, and says all that are missing at once', () => {
  const config = readConfig(production)
  assert.equal(config.backing, 'production')
  assert.ok(Object.isFrozen(config))
  const { VAULT_BACKING: _, ...needed } = production
  assert.deepEqual(Object.keys(problemsOf({ VAULT_BACKING: 'production' })).sort(), Object.keys(needed).sort())
})

test('a setting of one backing is refused with the other: it would be without effect', () => {
  const folders = { VAULT_DATA_DIR: '/srv/a', VAULT_KEYS_DIR: '/srv/b', VAULT_DISK_RESERVE_BYTES: '0' }
  const keys = { ...folders, VAULT_KEYRING_PASSPHRASE_FILE: '/run/secrets/passphrase' }
  assert.deepEqual(Object.keys(problemsOf({ ...production, ...keys })).sort(), Object.keys(keys).sort())
  const { VAULT_BACKING: _, ...needed } = production
  assert.deepEqual(Object.keys(problemsOf(needed)).sort(), Object.keys(needed).sort())
})

test('an endpoint is reached over TLS, or lies on this machine', () => {
  const good = ['https://s3.example', 'http://127.0.0.1:9000', 'http://localhost:4566', 'http://[::1]:1']
  for (const VAULT_KMS_ENDPOINT of good) readConfig({ ...production, VAULT_KMS_ENDPOINT })
  for (const bad of ['http://kms.example', 'http://127.0.0.1.example', 'kms.example', 'ftp://127.0.0.1']) {
    const problems = problemsOf({ ...production, VAULT_KMS_ENDPOINT: bad, VAULT_S3_ENDPOINT: bad })
    assert.deepEqual(Object.keys(problems).sort(), ['VAULT_KMS_ENDPOINT', 'VAULT_S3_ENDPOINT'], bad)
  }
})

test('former keys are a list, and every one of them a name', () => {
  const config = readConfig({ ...production, VAULT_KMS_FORMER_DOCUMENTS_KEYS: 'alias/a,arn:aws:kms:eu-west-1:1:key/b' })
  assert.ok(config.backing === 'production')
  assert.deepEqual(config.kms.formerDocumentsKeys, ['alias/a', 'arn:aws:kms:eu-west-1:1:key/b'])
  const problems = problemsOf({ ...production, VAULT_KMS_FORMER_DOCUMENTS_KEYS: 'alias/a,,b' })
  assert.deepEqual(Object.keys(problems), ['VAULT_KMS_FORMER_DOCUMENTS_KEYS'])
})

test('production shows where its secrets are set, never where they lie', () => {
  const shown = JSON.stringify(describeConfig(readConfig(production)))
  assert.ok(!shown.includes('/run/secrets') && !shown.includes('door.json'))
  assert.match(shown, /"VAULT_MONGODB_URI_FILE":"\[set\]"/)
})

test('every setting is told to operators, and no other is', () => {
  const told = readFileSync(new URL('../../infra/README.md', import.meta.url), 'utf8')
  for (const name of settingNames) assert.ok(told.includes(`\`${name}\``), name)
  for (const [, name = ''] of told.matchAll(/`(VAULT_[A-Z0-9_]+)`/g)) assert.ok(settingNames.has(name), name)
})
