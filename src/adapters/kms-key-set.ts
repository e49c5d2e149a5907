import { VaultError } from '../domain/errors.ts'
import type { TenantId } from '../domain/ids.ts'
import type { KeyEpochs } from '../ports/keyring.ts'

/** Each key by alias, key id or ARN; one key for each purpose. */
export interface KmsKeys {
  /** Symmetric: wraps the data keys of documents. */
  readonly documents: string
  /** In its stead, for the tenants that have one of their own. */
  readonly documentsOf?: ReadonlyMap<TenantId, string>
  /** Keys of earlier epochs, which open what they wrapped and wrap nothing new. */
  readonly formerDocuments?: readonly string[]
  /** `HMAC_256`. */
  readonly blindIndex: string
}

/** What is known of the keys of one tenant, or of those that all share. */
interface Known {
  active: string
  /** ARNs, as KMS itself named them; they only grow while the process lives. */
  readonly arns: Set<string>
}

/** The alias that an epoch flip leaves on the key before; undefined where a key is named without an alias. */
export function formerAliasOf(name: string): string | undefined {
  return /^(?:arn:[^/]*:)?alias\//.test(name) ? `${name}-former` : undefined
}

/**
 * Which keys wrap and open the papers of which tenant. A wrapped key that names any other is refused before KMS is asked: it might
 * be a stranger's. An alias may move on, and leaves `<alias>-former` on the key it was on, so that instances that start
 * between then and the end of the rewrapping know both.
 */
export class KmsKeySet {
  readonly #keys: KmsKeys
  readonly #arnOf: (name: string) => Promise<string>
  readonly #shared: Known = { active: '', arns: new Set() }
  readonly #own = new Map<string, Known>()

  /** @param arnOf asks KMS; rejects with `keys.refused` where there is no such key */
  constructor(keys: KmsKeys, arnOf: (name: string) => Promise<string>) {
    this.#keys = keys
    this.#arnOf = arnOf
    for (const tenant of keys.documentsOf?.keys() ?? []) this.#own.set(tenant, { active: '', arns: new Set() })
  }

  /** The name of the key that wraps for a tenant. */
  nameFor(tenant: string | undefined): string {
    return this.#keys.documentsOf?.get(tenant as TenantId) ?? this.#keys.documents
  }

  /** Looks every name up. @throws {VaultError} keys.unavailable - one cannot be */
  async learn(): Promise<void> {
    const { documents, documentsOf = new Map<TenantId, string>(), formerDocuments = [] } = this.#keys
    await Promise.all([
      this.#learnOne(this.#shared, documents, formerDocuments),
      ...[...documentsOf].map(([tenant, name]) => this.#learnOne(this.#knownOf(tenant), name, [])),
    ])
  }

  /** KMS wrapped for this tenant under that key just now. */
  note(tenant: string | undefined, arn: string): void {
    const known = this.#knownOf(tenant)
    known.active = arn
    known.arns.add(arn)
  }

  opens(arn: string, tenant: string | undefined): boolean {
    return this.#shared.arns.has(arn) || this.#knownOf(tenant).arns.has(arn)
  }

  /** A key of some tenant that wraps nothing new for any. */
  isFormer(arn: string): boolean {
    const all = [this.#shared, ...this.#own.values()]
    return all.some(({ arns }) => arns.has(arn)) && all.every(({ active }) => active !== arn)
  }

  epochs(tenant: string | undefined): KeyEpochs {
    const { active, arns } = this.#knownOf(tenant)
    const former = new Set([...this.#shared.arns, ...arns])
    former.delete(active)
    return { active, former: [...former] }
  }

  #knownOf(tenant: string | undefined): Known {
    return this.#own.get(tenant ?? '') ?? this.#shared
  }

  async #learnOne(known: Known, name: string, former: readonly string[]): Promise<void> {
    const alias = formerAliasOf(name)
    const [active, left, ...others] = await Promise.all([
      this.#arnOf(name).catch(unavailable),
      alias === undefined ? undefined : this.#arnOf(alias).catch(noneOrUnavailable),
      ...former.map(other => this.#arnOf(other).catch(unavailable)),
    ])
    known.active = active
    for (const arn of [...others, left, active]) if (arn !== undefined) known.arns.add(arn)
  }
}

function unavailable(error: unknown): never {
  if (error instanceof VaultError && error.code !== 'keys.refused') throw error
  throw new VaultError('keys.unavailable', {}, error)
}

/** Whoever has rights on exact keys alone is told of an alias that is not there that it may not look. */
function noneOrUnavailable(error: unknown): undefined {
  const isDenied =
    error instanceof VaultError && error.cause instanceof Error && error.cause.name === 'AccessDeniedException'
  if (isDenied || (error instanceof VaultError && error.code === 'keys.refused')) return
  throw error
}
