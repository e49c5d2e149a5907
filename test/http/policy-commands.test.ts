import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { emptyFolder } from '../support/folder.ts'
import { runVault, settingsIn } from '../support/spawned-vault.ts'

const shipped = join(import.meta.dirname, '../../infra/tenants')
const settings = settingsIn('/nowhere')

/** What is printed, without the line breaks of its paragraphs. */
async function explained(...args: readonly string[]) {
  const ran = await runVault(['policy', 'explain', ...args], settings)
  return { ...ran, words: ran.stdout.replaceAll(/\s+/g, ' ') }
}

suite('policy explain', () => {
  test('says what happens to a paper, when, and under which basis and source', async () => {
    const { code, words, stderr } = await explained('omo7777', 'id')
    assert.deepEqual([code, stderr], [0, ''])
    for (const expected of [
      'Taken As e-ktp, passport, from tier 2 on.',
      'Kept While the account is open, and 7 calendar years after it was closed, the last day included.',
      'The law asks for 5 calendar years after closure at least.',
      'Basis identity-records: UU 8/2010 Art. 21(2); FATF Recommendation 11 (ID).',
      'Source Lembaran Negara 2010 No. 122',
      'Source Published privacy promise: destroyed 7 calendar years after the account was closed.',
      'is answered within 30 days of the request, or of closure where that is later. The paper is kept to 5 calendar years',
      'Held Whatever the date, for as long as one of these lasts: a legal order.',
      'Destroyed By the first run after its day (cron "30 2 * * *" in Asia/Jakarta)',
      'Reason: Read together, the 30 days are for the decision',
    ]) {
      assert.ok(words.includes(expected), `${expected} is missing in ${words}`)
    }
    assert.ok(!words.includes('Supposed'))
  })

  test('says on which day, where closure and request are supposed', async () => {
    const supposed = ['--closed', '2026-03-10', '--asked', '2026-04-10']
    const [selfie, id, payment] = await Promise.all([
      explained('omo7777', 'selfie', ...supposed),
      explained('nomor-keluar', 'id', ...supposed),
      explained('jnetot', 'payment_ownership', '--closed', '2028-02-29'),
    ])
    assert.match(selfie.words, /may be destroyed from 2026-05-01 on.*nothing keeps it \(consent, version 1\)/)
    assert.match(selfie.words, /The person is answered before 2026-05-10\./)
    assert.match(id.words, /may be destroyed from 2031-03-11 on.*the law asks for are over then \(identity-records/)
    assert.match(payment.words, /closed on 2028-02-29: may be destroyed from 2035-03-01 on/)
    assert.match(payment.words, /once a second person has approved its list/)
    assert.match(payment.words, /an open dispute, a pending withdrawal, a legal order/)
    assert.match(
      (await explained('omo7777', 'id', '--asked', '2026-04-10')).words,
      /not due: it is kept while the account is open/,
    )
  })

  test('says why a paper is not taken', async () => {
    const { code, words } = await explained('nomor-keluar', 'selfie')
    assert.equal(code, 0)
    assert.match(
      words,
      /^nomor-keluar takes no selfie\. This platform promised its users that it collects no biometrics/,
    )
  })

  test('explains a paper that came under an earlier version by that version, and one that is taken no more', async () => {
    await using folder = await emptyFolder()
    const file = JSON.parse(await readFile(join(shipped, 'omo7777.json'), 'utf8'))
    const { zone, retention, deletion, papers, refused } = file
    const first = { version: 1, zone, retention: { ...retention, id: { ...retention.id, years: 6 } }, deletion }
    const { selfie: _, ...taken } = papers
    const second = { ...file, version: 2, papers: taken, refused: { ...refused, selfie: 'No selfie is taken.' } }
    await mkdir(join(folder.path, 'omo7777'))
    await writeFile(join(folder.path, 'omo7777/1.json'), JSON.stringify(first))
    await writeFile(join(folder.path, 'omo7777.json'), JSON.stringify(second))
    const from = { ...settings, VAULT_TENANTS_DIR: folder.path }
    const run = async (...args: readonly string[]) =>
      (await runVault(['policy', 'explain', 'omo7777', ...args, '--closed', '2026-03-10'], from)).stdout.replaceAll(
        /\s+/g,
        ' ',
      )
    assert.match(await run('id'), /may be destroyed from 2033-03-11 on/)
    assert.match(await run('id', '--version', '1'), /from 2032-03-11 on.*version 1\).*came under version 1/)
    assert.match(await run('selfie', '--version', '1'), /Taken No more\. No selfie is taken\. What was taken before/)
  })

  test('a word that is none of its own is wrong use, and is explained', async () => {
    for (const [args, says] of [
      [[], /Name a TENANT and a TYPE/],
      [['omo7777'], /Name a TENANT and a TYPE/],
      [['acme', 'id'], /There is no tenant acme; there are jnetot, nomor-keluar, omo7777/],
      [['omo7777', 'passport'], /There is no paper passport; there are id, address, selfie, payment_ownership/],
      [['omo7777', 'id', '--closed', '2026-02-30'], /2026-02-30 is no day/],
      [['omo7777', 'id', '--closed', '2026-02-03T00:00Z'], /is no day/],
      [['omo7777', 'id', '--version', '2'], /omo7777 has no version 2/],
      [['omo7777', 'id', '--opened', '2026-02-03'], /--opened/],
    ] as const) {
      const { code, stdout, stderr } = await explained(...args)
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, says)
    }
  })
})

suite('policy check', () => {
  test('finds nothing wrong with the tenants that ship, and remarks what nobody has confirmed', async () => {
    for (const id of ['jnetot', 'nomor-keluar', 'omo7777']) {
      const { code, stdout, stderr } = await runVault(['policy', 'check', join(shipped, `${id}.json`)], settings)
      assert.deepEqual([code, stderr], [0, ''])
      assert.match(
        stdout,
        new RegExp(
          `remark  ${id}\\.json: licence: is a demo: reference.*\n(?:remark .*\n)*nothing is wrong with ${id}, version 1\n$`,
        ),
      )
    }
  })

  test('names every problem by its path, with an exit code of its own', async () => {
    await using folder = await emptyFolder()
    const file = JSON.parse(await readFile(join(shipped, 'omo7777.json'), 'utf8'))
    const path = join(folder.path, 'omo7777.json')
    await writeFile(path, JSON.stringify({ ...file, version: 2, zone: 'Asia/Nowhere', holds: [], more: 1 }))
    const { code, stdout } = await runVault(['policy', 'check', path], settings)
    assert.equal(code, 1)
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      'problem omo7777.json: zone: is no IANA time zone',
      'problem omo7777.json: top level: holds unknown members: more',
      'problem omo7777.json: holds: must name legal_order: no promise stands above a court',
    ])
    await writeFile(path, '{')
    assert.equal((await runVault(['policy', 'check', path], settings)).stdout, 'problem omo7777.json: is not JSON\n')
    assert.equal((await runVault(['policy', 'check', join(folder.path, 'absent.json')], settings)).code, 1)
    assert.equal((await runVault(['policy', 'check'], settings)).code, 2)
  })

  test('each explains itself', async () => {
    for (const name of ['check', 'explain']) {
      const { code, stdout } = await runVault(['policy', name, '--help'], settings)
      assert.equal(code, 0)
      assert.match(stdout, new RegExp(`^Usage: policy ${name} `))
    }
  })
})
