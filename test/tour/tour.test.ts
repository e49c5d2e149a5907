import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { Surprise, Teller } from './teller.ts'

const tour = fileURLToPath(new URL('tour.ts', import.meta.url))
const retentionTour = fileURLToPath(new URL('retention-tour.ts', import.meta.url))

test('the tour meets no surprise, and prints no colour and no key where nobody watches', () => {
  const { status, stdout } = spawnSync(process.execPath, [tour], { encoding: 'utf8' })
  assert.equal(status, 0, stdout)
  assert.match(stdout, /everything holds together/)
  assert.match(stdout, /That was the tour\.\n$/)
  assert.equal(stdout.includes('\u001b['), false)
  assert.equal(/kv_[a-z0-9]{16}_/.test(stdout), false)
})

test('the tour of retention tells three lives from upload to certificate, and meets no surprise', () => {
  const { status, stdout } = spawnSync(process.execPath, [retentionTour], { encoding: 'utf8' })
  assert.equal(status, 0, stdout)
  assert.equal(stdout.match(/everything holds together/g)?.length, 3)
  assert.match(stdout, /due on 2039-03-01 under term:identity-records/)
  assert.match(stdout, /selfie: shredded 2030-01-31, UU 27\/2022/)
  assert.match(stdout, /Held by a dispute, CASE-7\./)
  assert.match(stdout, /That was the tour\.\n$/)
  assert.equal(stdout.includes('\u001b['), false)
  assert.equal(/kv_[a-z0-9]{16}_/.test(stdout), false)
})

test('an answer that is not the expected one, or a refusal of another kind, is a surprise', async () => {
  await using server = createServer((_req, res) => {
    res.writeHead(403, { 'Content-Type': 'application/problem+json' }).end('{"code":"role.not-allowed","detail":"No."}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const teller = new Teller(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const request = { say: 'A request.', key: 'none', path: '/', headers: { Connection: 'close' } }
  await assert.rejects(teller.ask({ ...request, expect: 200 }), Surprise)
  await assert.rejects(teller.ask({ ...request, expect: 403, code: 'purpose.missing' }), Surprise)
  await teller.ask({ ...request, expect: 403, code: 'role.not-allowed' })
})
