import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadOidcIssuers } from '../../src/adapters/oidc-file.ts'
import { OidcIdentity } from '../../src/adapters/oidc-identity.ts'
import { SqliteLedger } from '../../src/adapters/sqlite-ledger.ts'
import { openSqlite } from '../../src/adapters/sqlite-thread.ts'
import { type DeniedToken, denialIdOf } from '../../src/domain/denied-token.ts'
import type { TenantId } from '../../src/domain/ids.ts'
import type { Log, LogFields } from '../../src/ports/log.ts'
import { emptyFolder } from './folder.ts'
import { audience, type LocalIssuer, openIssuer } from './local-issuer.ts'
import { ManualClock } from './manual-clock.ts'
import { rawGrant } from './raw-grant.ts'

const tenants: ReadonlySet<TenantId> = new Set([
  'nomor-keluar',
  'omo7777',
  'jnetot',
] as readonly string[] as readonly TenantId[])

/** What an operator would write of the local issuer, bound to two tenants. */
export function issuerEntry({ url, keysUrl }: Pick<LocalIssuer, 'url' | 'keysUrl'>, over: object = {}): object {
  return {
    name: 'staff',
    issuer: url,
    audience,
    algorithms: ['ES256'],
    type: 'at+jwt',
    keys: { url: keysUrl },
    tenants: ['omo7777', 'jnetot'],
    claims: { roles: ['realm_access', 'roles'], tenant: 'kyc_tenant' },
    roles: { 'kyc-reviewer': 'reviewer', 'kyc-dpo': 'dpo', 'kyc-legal': 'legal', 'kyc-admin': 'admin' },
    ...over,
  }
}

/** An issuer, the adapter that trusts it, and a ledger; time stands still. */
export interface OidcPlace extends AsyncDisposable {
  readonly issuer: LocalIssuer
  readonly identity: OidcIdentity
  readonly ledger: SqliteLedger
  readonly clock: ManualClock
  readonly lines: readonly (LogFields & { readonly event: string })[]
  /** How often the deny list was asked. */
  readonly lookUps: () => number
  /** A token of a reviewer of omo7777, but for what is said. */
  token(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): string
  /** Writes a denial into the ledger, as of now. */
  deny(of: { readonly subject: string; readonly tokenId?: string; readonly tenant?: string }): Promise<void>
}

export async function openOidcPlace(
  over: object | ((issuer: LocalIssuer) => object) = {},
  tls?: Parameters<typeof openIssuer>[1],
): Promise<OidcPlace> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await emptyFolder())
  const clock = new ManualClock(Date.now())
  const issuer = stack.use(await openIssuer(() => clock.nowMs(), tls))
  const ledger = new SqliteLedger(stack.use(await openSqlite(join(folder.path, 'data'))))
  const path = join(folder.path, 'oidc.json')
  const entry = issuerEntry(issuer, typeof over === 'function' ? over(issuer) : over)
  await writeFile(path, JSON.stringify({ issuers: [entry] }))
  const issuers = await loadOidcIssuers(path, tenants)
  const lines: (LogFields & { readonly event: string })[] = []
  const log: Pick<Log, 'warn'> = { warn: (event, fields = {}) => void lines.push({ event, ...fields }) }
  let asked = 0
  const counting: Pick<SqliteLedger, 'findDenials'> = {
    findDenials: (tenant, token) => {
      asked++
      return ledger.findDenials(tenant, token)
    },
  }
  const identity = stack.use(new OidcIdentity({ issuers, ledger: counting, clock, log, fetchWithinMs: 1_000 }))
  const open = stack.move()
  return {
    issuer,
    identity,
    ledger,
    clock,
    lines,
    lookUps: () => asked,
    token: (claims, header) => issuer.token({ ...reviewerOf('omo7777'), ...claims }, header),
    deny: async ({ subject, tokenId, tenant = 'omo7777' }) => {
      const put: DeniedToken = {
        id: denialIdOf(issuer.url, subject, tokenId),
        tenant: tenant as TenantId,
        issuer: issuer.url,
        subject,
        ...(tokenId === undefined ? {} : { tokenId }),
        deniedAtMs: clock.nowMs(),
        expiresAtMs: clock.nowMs() + 3_600_000,
        version: 1,
      }
      assert.ok((await ledger.commit(rawGrant, [{ row: 'denied-token', expected: 0, put }])).done)
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

export const reviewerOf = (tenant: string): Readonly<Record<string, unknown>> => ({
  kyc_tenant: tenant,
  realm_access: { roles: ['kyc-reviewer'] },
})
