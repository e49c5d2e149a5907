import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { DisableKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { mongo } from 'mongoose'
import type { SettingFinding } from '../../src/domain/deployment.ts'
import { emptyFolder } from '../support/folder.ts'
import { kmsNeeds } from '../support/kms-keys.ts'
import { mongoNeeds } from '../support/mongo-database.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { s3Needs } from '../support/s3-bucket.ts'
import { runVault, serveVault, settingsIn } from '../support/spawned-vault.ts'
import { tenantsIn } from '../support/tenants-in.ts'

type Settings = Readonly<Record<string, string>>

async function findingsOf(settings: Settings, ...args: readonly string[]) {
  const ran = await runVault(['check-config', '--json', ...args], settings)
  const { findings, ok } = JSON.parse(ran.stdout) as { findings: readonly SettingFinding[]; ok: boolean }
  const of = (weight: SettingFinding['weight']) =>
    findings.filter(one => one.weight === weight).map(({ field, message }) => `${field}: ${message}`)
  return { code: ran.code, ok, problems: of('problem'), unreachable: of('unreachable'), remarks: of('remark') }
}

suite('check-config of an embedded vault', () => {
  test('says that nothing stands against a start, and makes nothing', async () => {
    await using folder = await emptyFolder()
    const ran = await runVault(['check-config'], settingsIn(folder.path))
    assert.deepEqual([ran.code, ran.stderr], [0, ''])
    const lines = ran.stdout.trimEnd().split('\n')
    assert.equal(lines.pop(), 'nothing stands against a start')
    assert.ok(lines.every(line => line.startsWith('remark ')))
    assert.deepEqual(await readdir(folder.path), [])
  })

  test('tells of wrong settings and wrong policies in one go, and so does serve', async () => {
    await using folder = await emptyFolder()
    const tenants = join(folder.path, 'tenants')
    await mkdir(tenants)
    await writeFile(join(tenants, 'jnetot.json'), '{"id":"other"}')
    const settings = settingsIn(folder.path, { VAULT_TENANTS_DIR: tenants, VAULT_PORT: 'many', VAULT_SHOE_SIZE: '44' })
    const { code, ok, problems } = await findingsOf(settings)
    assert.deepEqual([code, ok], [2, false])
    for (const about of ['VAULT_PORT', 'VAULT_SHOE_SIZE', 'jnetot.json: version', 'jnetot.json: papers'])
      assert.ok(
        problems.some(problem => problem.startsWith(about)),
        `${about} in ${problems.join()}`,
      )
    const served = await runVault(['serve'], settings)
    assert.equal(served.code, 2)
    assert.deepEqual(served.stderr.trim().split('\n').toSorted(), problems.toSorted())
  })

  test('a tenant that is named and has no policy is told, and only those named are served', async () => {
    await using folder = await emptyFolder()
    const { problems } = await findingsOf(settingsIn(folder.path, { VAULT_TENANTS: 'omo7777,stranger' }))
    assert.deepEqual(problems, ['VAULT_TENANTS: names stranger, which has no policy'])
    const settings = settingsIn(folder.path, { VAULT_TENANTS: 'omo7777' })
    assert.equal((await findingsOf(settings)).code, 0)
    await using _vault = await serveVault(settings)
    const made = JSON.parse(await readFile(join(folder.path, 'data-keys', 'first-keys.json'), 'utf8')) as {
      readonly keys: readonly { readonly tenant: string }[]
    }
    assert.deepEqual([...new Set(made.keys.map(({ tenant }) => tenant))], ['omo7777'])
  })
})

suite('check-config of a production vault that lacks much', () => {
  test('whatever is whole is looked into, however wrong the rest: one run says everything, and serve the same', async () => {
    await using folder = await emptyFolder()
    const settings = {
      ...settingsIn(folder.path),
      VAULT_DATA_DIR: '',
      VAULT_KEYS_DIR: '',
      VAULT_BACKING: 'production',
      VAULT_PORT: '99999',
      VAULT_TENANTS: 'zzz',
      VAULT_REGIONS: 'eu-south-2',
      VAULT_TLS_FLOOR: '1.2',
      VAULT_MONGODB_URI_FILE: join(folder.path, 'absent'),
      VAULT_MONGODB_DATABASE: 'one',
      VAULT_MONGODB_KEYS_DATABASE: 'one',
      VAULT_S3_BUCKET: 'papers',
      VAULT_KMS_REGION: 'eu-south-2',
    }
    const wanted = [
      'VAULT_PORT: must be at most 65535',
      'VAULT_TENANTS: names zzz, which has no policy',
      'VAULT_MONGODB_URI_FILE: names a file that cannot be read',
      'VAULT_MONGODB_KEYS_DATABASE: must be another than VAULT_MONGODB_DATABASE',
      'VAULT_S3_REGION: must be set with VAULT_BACKING=production',
    ]
    const { code, problems } = await findingsOf(settings)
    assert.equal(code, 2)
    for (const one of wanted) assert.ok(problems.includes(one), `${one} in\n${problems.join('\n')}`)
    const served = await runVault(['serve'], settings)
    assert.equal(served.code, 2)
    assert.deepEqual(served.stderr.trim().split('\n').toSorted(), problems.toSorted())
    const known = await findingsOf({ ...settings, VAULT_TENANTS: 'omo7777' })
    for (const one of [
      'residency: forbids the region eu-south-2',
      'tls.atLeast: asks for TLS 1.3; VAULT_TLS_FLOOR is 1.2',
    ])
      assert.ok(known.problems.includes(`omo7777.json: ${one}`), known.problems.join('\n'))
  })

  test('a tenant that has no policy is named beside a port that is none', async () => {
    await using folder = await emptyFolder()
    const { problems } = await findingsOf(settingsIn(folder.path, { VAULT_TENANTS: 'zzz', VAULT_PORT: '99999' }))
    assert.deepEqual(problems, ['VAULT_PORT: must be at most 65535', 'VAULT_TENANTS: names zzz, which has no policy'])
  })
})

suite('check-config of a production vault', { skip: productionSkip }, () => {
  test('a prepared one has remarks at most, for each role and for all of them', async () => {
    await using place = await productionPlace()
    const { settings } = place
    for (const args of [['keys', 'init', '--door-key', place.doorKey], ['migrate']])
      assert.equal((await runVault(args, settings)).code, 0)
    const asked = [[], ['--as', 'intake'], ['--as', 'access'], ['--as', 'jobs']]
    const told = await Promise.all(asked.map(args => findingsOf(settings, ...args)))
    for (const [at, { code, problems, unreachable, remarks }] of told.entries()) {
      assert.deepEqual([code, problems, unreachable], [0, [], []], asked[at]?.join(' ') ?? '')
      assert.ok(remarks.some(remark => remark.startsWith('VAULT_S3_BUCKET: does not tell')))
    }
  })

  test('everything that is wrong is told at once, nothing is made, and serve refuses in the same words', async () => {
    await using place = await productionPlace()
    const tenants = await tenantsIn(join(place.folder, 'strict'), 'eu-north-1', policy => ({
      ...policy,
      tls: { atLeast: '1.3' },
    }))
    const client = new KMSClient({
      endpoint: kmsNeeds.endpoint,
      region: kmsNeeds.region,
      credentials: kmsNeeds.credentials,
    })
    await client.send(new DisableKeyCommand({ KeyId: place.documentsArn }))
    client.destroy()
    const settings = {
      ...place.settings,
      VAULT_TENANTS_DIR: tenants,
      VAULT_REGIONS: 'eu-south-2',
      VAULT_TLS_FLOOR: '1.2',
      VAULT_DEMO_REFERENCES: 'refuse',
      VAULT_ANCHOR_BUCKET: place.settings['VAULT_S3_BUCKET'] ?? '',
    }
    const { code, problems } = await findingsOf(settings)
    assert.equal(code, 2)
    const wanted = [
      'omo7777.json: residency: forbids the region eu-south-2',
      'omo7777.json: tls.atLeast: asks for TLS 1.3; VAULT_TLS_FLOOR is 1.2',
      'omo7777.json: licence: is a demo: reference, which production refuses',
      `VAULT_S3_BUCKET: lies in ${s3Needs.region}, which VAULT_REGIONS does not name`,
      `VAULT_KMS_BLIND_INDEX_KEY: lies in ${kmsNeeds.region}, which VAULT_REGIONS does not name`,
      'VAULT_ANCHOR_BUCKET: must be another than VAULT_S3_BUCKET',
      'VAULT_ANCHOR_BUCKET: names a bucket without Object Lock',
      'VAULT_KMS_DOCUMENTS_KEY: names a key that is Disabled',
      'VAULT_KMS_DOOR_FILE: the file cannot be read (ENOENT)',
    ]
    for (const one of wanted) assert.ok(problems.includes(one), `${one} in\n${problems.join('\n')}`)
    const forms = problems.filter(problem => problem.includes('run `migrate` first'))
    assert.equal(forms.length, 2, 'both databases')
    const served = await runVault(['serve'], settings)
    assert.equal(served.code, 2)
    assert.deepEqual(served.stderr.trim().split('\n').toSorted(), problems.toSorted())
    await using database = new mongo.MongoClient(mongoNeeds.value)
    const { VAULT_MONGODB_DATABASE: name } = place.settings
    assert.deepEqual(await database.db(name).listCollections().toArray(), [], 'nothing was made')
  })

  test('what does not answer is told beside what is right, with a code of its own', async () => {
    await using place = await productionPlace()
    const { settings } = place
    for (const args of [['keys', 'init', '--door-key', place.doorKey], ['migrate']])
      assert.equal((await runVault(args, settings)).code, 0)
    await using _s3 = await place.s3.cut('refused')
    await using _kms = await place.kms.cut('refused')
    const { code, problems, unreachable } = await findingsOf(settings)
    assert.deepEqual([code, problems], [3, []])
    const fields = new Set(unreachable.map(line => line.split(':')[0]))
    assert.deepEqual([...fields].map(String).toSorted(), [
      'VAULT_ANCHOR_BUCKET',
      'VAULT_KMS_BLIND_INDEX_KEY',
      'VAULT_KMS_DOCUMENTS_KEY',
      'VAULT_KMS_DOOR_FILE',
      'VAULT_S3_BUCKET',
    ])
  })

  test('a server of another machine is spoken to over TLS, or not at all', async () => {
    await using place = await productionPlace()
    const uriFile = join(place.folder, 'far-away')
    await writeFile(uriFile, 'mongodb://db1.example/?replicaSet=rs0\n', { mode: 0o600 })
    const { code, problems } = await findingsOf({ ...place.settings, VAULT_MONGODB_URI_FILE: uriFile })
    assert.equal(code, 2)
    assert.ok(problems.includes('VAULT_MONGODB_URI_FILE: names a server of another machine without tls=true'))
  })
})
