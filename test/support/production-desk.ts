import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { DocumentId } from '../../src/domain/ids.ts'
import { type CallAnswer, type CallOptions, call, paper } from './call.ts'
import { markedPdf } from './marked-paper.ts'
import type { CuttablePlace } from './production-place.ts'
import type { ProductionSite } from './production-site.ts'
import type { Act } from './struck-calls.ts'

const roles = ['onboarding', 'dpo', 'legal', 'purge'] as const
type Role = (typeof roles)[number]

/** A name that was never used before. */
export const fresh = (what: string): string => `${what}-${randomBytes(8).toString('hex')}`

/** Those who keep and destroy papers of one tenant, at the door of the first vault of a production site. */
export async function productionDesk(site: ProductionSite<CuttablePlace>, tenant: string): Promise<ProductionDesk> {
  const keys = await Promise.all(roles.map(async role => [role, await site.key(tenant, role)] as const))
  return new ProductionDesk(site, new Map(keys))
}

/** The people of one tenant, over HTTP. */
export class ProductionDesk {
  readonly site: ProductionSite<CuttablePlace>
  readonly url: string
  readonly #keys: ReadonlyMap<Role, string>

  constructor(site: ProductionSite<CuttablePlace>, keys: ReadonlyMap<Role, string>) {
    this.site = site
    this.url = site.vaults[0]?.url ?? ''
    this.#keys = keys
  }

  #key(role: Role): string {
    return this.#keys.get(role) ?? ''
  }

  ask(role: Role, method: string, path: string, options: Omit<CallOptions, 'key'> = {}): Promise<CallAnswer> {
    return call(this.url, method, path, { key: this.#key(role), ...options })
  }

  /** The same request each time it is called. */
  posting(role: Role, path: string, json?: unknown, more: Readonly<Record<string, string>> = {}): Act {
    const headers = { 'Idempotency-Key': fresh('key'), ...more }
    return () => this.ask(role, 'POST', path, { headers, ...(json === undefined ? {} : { json }) })
  }

  /** It succeeds. */
  async post(...request: Parameters<ProductionDesk['posting']>): Promise<CallAnswer> {
    const answer = await this.posting(...request)()
    assert.ok(answer.status < 300, JSON.stringify(answer.json))
    return answer
  }

  /** A paper of its own. */
  async upload(subject: string): Promise<DocumentId> {
    const answer = await this.ask('onboarding', 'POST', `/v1/subjects/${subject}/documents`, {
      headers: { 'Idempotency-Key': fresh('key') },
      body: paper({ type: 'address', kind: 'utility-bill' }, markedPdf('A paper', subject)),
    })
    assert.equal(answer.status, 201, JSON.stringify(answer.json))
    return answer.json.id
  }

  /** Why, and the second person. */
  beside(role: Role) {
    return {
      'Vault-Purpose': 'legal',
      'Vault-Case': 'ORDER-1',
      'Vault-Second-Authorization': `Bearer ${this.#key(role)}`,
    }
  }

  /** One page of a list. */
  async items(path: string): Promise<readonly CallAnswer['json'][]> {
    const { status, json } = await this.ask('dpo', 'GET', path)
    assert.equal(status, 200)
    return json.items
  }
}
