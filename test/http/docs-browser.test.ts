import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { openVault } from '../support/open-vault.ts'
import { drawIdCard } from '../support/papers.ts'

const executablePath = process.env.VAULT_TEST_CHROMIUM ?? '/usr/bin/chromium'
const skip = needsChromium()

/** A named skip on a laptop, a failure where everything is required. */
function needsChromium(): string | false {
  if (existsSync(executablePath)) return false
  const missing = `the documentation in a browser: no chromium at ${executablePath} (VAULT_TEST_CHROMIUM names another)`
  if (process.env.VAULT_TEST_REQUIRE === 'all') throw new Error(`${missing}, and VAULT_TEST_REQUIRE=all`)
  return missing
}

const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']

test('/docs works under its strict policy: an operation is read, authorized, and a paper uploaded', {
  skip,
}, async () => {
  await using opened = await openVault()
  const folder = await mkdtemp(join(tmpdir(), 'vault-docs-'))
  const card = join(folder, 'card.jpg')
  await writeFile(card, await drawIdCard(600))
  const browser = await chromium.launch({
    executablePath,
    args: [...quiet, '--disable-component-update', '--disable-sync'],
  })
  try {
    const page = await browser.newPage({ viewport: { width: 1_280, height: 1_600 } })
    const complaints: string[] = []
    const asked: string[] = []
    page.on('console', message => {
      if (message.type() === 'error' || /Content Security Policy/i.test(message.text())) complaints.push(message.text())
    })
    page.on('pageerror', error => complaints.push(String(error)))
    page.on('request', request => asked.push(new URL(request.url()).origin))
    await page.goto(`${opened.door.url}/docs`)
    await authorize(page, opened.key('nomor-keluar', 'onboarding'))
    const answer = await upload(page, card)
    assert.deepEqual(complaints, [])
    assert.equal(answer.status, 201, answer.text)
    assert.equal(JSON.parse(answer.text).subject, 'browser-1')
    assert.deepEqual(
      [...new Set(asked)].filter(origin => origin !== opened.door.url && origin !== 'null'),
      [],
    )
    if (process.env.VAULT_TEST_SCREENSHOT) {
      await page.screenshot({ path: process.env.VAULT_TEST_SCREENSHOT, fullPage: true })
    }
  } finally {
    await browser.close()
    await rm(folder, { recursive: true })
  }
})

async function authorize(page: Page, key: string): Promise<void> {
  await page.locator('.authorize').first().click()
  await page.locator('.auth-container input').first().fill(key)
  await page.locator('.auth-btn-wrapper .authorize').first().click()
  await page.locator('.btn-done').first().click()
}

async function upload(page: Page, card: string): Promise<{ status: number; text: string }> {
  const operation = page.locator('#operations-subjects-depositDocument')
  await operation.click()
  await operation.getByRole('button', { name: 'Try it out' }).click()
  await operation.locator('tr[data-param-name="subject"] input').fill('browser-1')
  await operation.locator('tr[data-param-name="Idempotency-Key"] input').fill('browser-1')
  await operation.locator('textarea').first().fill('{"type":"id","kind":"passport"}')
  await operation.locator('input[type=file]').setInputFiles(card)
  const answered = page.waitForResponse(response => response.url().endsWith('/v1/subjects/browser-1/documents'))
  await operation.getByRole('button', { name: 'Execute' }).click()
  const response = await answered
  return { status: response.status(), text: await response.text() }
}
