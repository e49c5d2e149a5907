import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { emptyFolder } from '../support/folder.ts'
import { runVault } from '../support/spawned-vault.ts'

/**
 * Where each platform promised that its papers lie, and over which TLS its people reach it: no production starts that would break
 * it. Nothing but what is declared is set, so every start ends; what is said of the platform's promises is what counts.
 */

const shipped = fileURLToPath(new URL('../../infra/tenants', import.meta.url))
const [jakarta, singapore, sydney, ireland] = ['ap-southeast-3', 'ap-southeast-1', 'ap-southeast-2', 'eu-west-1']

/** What a start, and `check-config` before it, say of one platform's own promises, demo references apart. */
async function broken(tenant: string, regions: readonly string[], tlsFloor: string): Promise<readonly string[]> {
  const settings = {
    VAULT_BACKING: 'production',
    VAULT_TENANTS: tenant,
    VAULT_REGIONS: regions.join(','),
    VAULT_TLS_FLOOR: tlsFloor,
    VAULT_DEMO_REFERENCES: 'allow',
  }
  const checked = await runVault(['check-config', '--json'], settings)
  assert.equal(checked.code, 2)
  const { findings } = JSON.parse(checked.stdout) as {
    readonly findings: readonly { readonly weight: string; readonly field: string; readonly message: string }[]
  }
  const problems = findings.filter(({ weight }) => weight === 'problem').map(one => `${one.field}: ${one.message}`)
  const ran = await runVault(['serve'], settings)
  assert.equal(ran.code, 2)
  assert.deepEqual(ran.stderr.trim().split('\n').toSorted(), problems.toSorted(), 'serve refuses in the same words')
  return problems.flatMap(problem =>
    problem.startsWith(`${tenant}.json: `) ? [problem.split('.json: ')[1] ?? ''] : [],
  )
}

const forbids = (region: string | undefined): string => `residency: forbids the region ${region}`
const tooFew = 'residency: asks for 2 regions; VAULT_REGIONS names fewer'

suite('omo7777', () => {
  test('"in Indonesia only"', async () => {
    assert.deepEqual(await broken('omo7777', [jakarta], '1.3'), [])
    for (const abroad of [singapore, sydney, ireland])
      assert.deepEqual(await broken('omo7777', [jakarta, abroad], '1.3'), [forbids(abroad)], 'not a copy either')
  })

  test('"TLS 1.3 at least"', async () => {
    assert.deepEqual(await broken('omo7777', [jakarta], '1.2'), [
      'tls.atLeast: asks for TLS 1.3; VAULT_TLS_FLOOR is 1.2',
    ])
  })
})

suite('jnetot', () => {
  test('"outside Indonesia, in at least two places"', async () => {
    assert.deepEqual(await broken('jnetot', [singapore, sydney], '1.2'), [])
    assert.deepEqual(await broken('jnetot', [singapore], '1.2'), [tooFew])
    assert.deepEqual(await broken('jnetot', [jakarta, singapore], '1.2'), [forbids(jakarta)])
    assert.deepEqual(await broken('jnetot', [jakarta], '1.2'), [forbids(jakarta), tooFew])
  })

  test('"TLS 1.2 at least", and more is no less', async () => {
    assert.deepEqual(await broken('jnetot', [singapore, sydney], '1.3'), [])
  })
})

suite('nomor-keluar', () => {
  test('"in Indonesia and the places that we list"', async () => {
    assert.deepEqual(await broken('nomor-keluar', [jakarta], '1.2'), [])
    assert.deepEqual(await broken('nomor-keluar', [jakarta, singapore], '1.2'), [])
    assert.deepEqual(await broken('nomor-keluar', [jakarta, ireland], '1.2'), [forbids(ireland)])
  })

  test('"TLS 1.2 at least", and more is no less', async () => {
    assert.deepEqual(await broken('nomor-keluar', [jakarta], '1.3'), [])
  })
})

for (const [tenant, region] of [
  ['nomor-keluar', singapore],
  ['jnetot', sydney],
] as const) {
  test(`${tenant}: "abroad only with a safeguard": a place abroad without its reference is no policy`, async () => {
    await using folder = await emptyFolder()
    const file = join(folder.path, `${tenant}.json`)
    const policy = JSON.parse(await readFile(join(shipped, `${tenant}.json`), 'utf8'))
    assert.match(policy.residency.regions[region].safeguard, /^demo:safeguard\//)
    delete policy.residency.regions[region].safeguard
    await writeFile(file, JSON.stringify(policy))
    const { code, stdout, stderr } = await runVault(['policy', 'check', file], {})
    assert.notEqual(code, 0)
    assert.match(stdout + stderr, new RegExp(`${tenant}\\.json: residency\\.regions\\.${region}`))
  })
}

test('no vault speaks to anybody below TLS 1.2', async () => {
  for (const floor of ['1.0', '1.1', '1']) {
    const { code, stderr } = await runVault(['serve'], { VAULT_BACKING: 'production', VAULT_TLS_FLOOR: floor })
    assert.equal(code, 2)
    assert.match(stderr, /VAULT_TLS_FLOOR: must be one of 1\.2, 1\.3/)
  }
})
