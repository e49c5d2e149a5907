import assert from 'node:assert/strict'
import type { TenantId } from '../../src/domain/ids.ts'
import type { Change } from '../../src/ports/ledger.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { type LedgerSuite, promiseOf } from './ledger-promise.ts'
import { aDenial, aSubject, elsewhere, here } from './ledger-rows.ts'

const insert = (put: ReturnType<typeof aDenial>): Change => ({ row: 'denied-token', expected: 0, put })

/** The deny list of tokens, as every Ledger keeps it. */
export function ledgerDenialsContract(...suite: LedgerSuite): void {
  const promise = promiseOf(...suite)

  promise('a token is asked for by its own denial and by the one of its subject, and by no other', async ledger => {
    const one = aDenial({ tokenId: 't-1' })
    const { issuer, subject } = one
    const all = aDenial({ issuer, subject })
    const others = [
      aDenial({ issuer, subject, tokenId: 't-2' }),
      aDenial({ issuer: 'https://other.example', subject }),
      aDenial({ issuer }),
      aDenial({ issuer, subject, tenant: elsewhere }),
    ]
    for (const put of [one, ...others]) assert.ok((await ledger.commit(rawGrant, [insert(put)])).done)
    assert.deepEqual(await ledger.findDenials(here, { issuer, subject, tokenId: 't-1' }), [one])
    assert.ok((await ledger.commit(rawGrant, [insert(all)])).done)
    const both = await ledger.findDenials(here, { issuer, subject, tokenId: 't-1' })
    assert.deepEqual(new Set(both), new Set([one, all]))
    assert.deepEqual(await ledger.findDenials(here, { issuer, subject, tokenId: 't-9' }), [all])
    assert.deepEqual(await ledger.findDenials(here, { issuer, subject: 'nobody', tokenId: 't-1' }), [])
    assert.deepEqual(await ledger.findDenials('third' as TenantId, { issuer, subject, tokenId: 't-1' }), [])
  })

  promise('a denial is written once and replaced by its version', async ledger => {
    const put = aDenial()
    assert.ok((await ledger.commit(rawGrant, [insert(put)])).done)
    assert.deepEqual(await ledger.commit(rawGrant, [insert(put)]), { done: false, change: 0, conflict: 'version' })
    const later = { ...put, deniedAtMs: 2_000, expiresAtMs: 20_000, version: 2 }
    assert.ok((await ledger.commit(rawGrant, [{ row: 'denied-token', expected: 1, put: later }])).done)
    const { issuer, subject } = put
    assert.deepEqual(await ledger.findDenials(here, { issuer, subject, tokenId: 't' }), [later])
    assert.deepEqual(await ledger.listExpiredDenials(here, 15_000, 9), [], 'the new end counts')
  })

  promise('denials are expired before the instant and not at it, oldest first, one tenant at a time', async ledger => {
    const ends = [300, 100, 200].map(expiresAtMs => aDenial({ expiresAtMs }))
    for (const put of [...ends, aDenial({ expiresAtMs: 1, tenant: elsewhere })]) {
      await ledger.commit(rawGrant, [insert(put)])
    }
    assert.deepEqual(await ledger.listExpiredDenials(here, 300, 10), [ends[1], ends[2]])
    assert.deepEqual(await ledger.listExpiredDenials(here, 301, 1), [ends[1]])
  })

  promise('a denial is forgotten by its tenant and version alone', async ledger => {
    const put = aDenial()
    const { id, issuer, subject } = put
    await ledger.commit(rawGrant, [insert(put)])
    const forget = (tenant: TenantId, expected: number) =>
      ledger.commit(rawGrant, [{ row: 'denied-token', expected, forget: { tenant, id } }])
    assert.equal((await forget(elsewhere, 1)).done, false)
    assert.equal((await forget(here, 2)).done, false)
    assert.deepEqual(await ledger.findDenials(here, { issuer, subject, tokenId: 't' }), [put])
    await assert.rejects(
      ledger.commit(rawGrant, [
        { row: 'subject', expected: 0, put: aSubject() },
        { row: 'denied-token', expected: 1, forget: { tenant: elsewhere, id } },
      ]),
      RangeError,
    )
    assert.deepEqual(await forget(here, 1), { done: true })
    assert.deepEqual(await ledger.findDenials(here, { issuer, subject, tokenId: 't' }), [])
  })

  promise('a tenant with nothing but a denial is a tenant that has a row', async ledger => {
    await ledger.commit(rawGrant, [insert(aDenial({ tenant: 'only-denial' as TenantId }))])
    assert.deepEqual(await ledger.tenants(), ['only-denial'])
  })
}
