import type { Caller, Reason } from '../domain/caller.ts'
import type { Detail, Out, OwnWhy } from '../domain/entry.ts'
import { type ErrorCode, VaultError } from '../domain/errors.ts'
import type { Grant, Settlement } from '../domain/grant.ts'
import { type Action, type Decision, decide, type Resource, type Scope } from '../domain/permission.ts'
import type { Vault } from './vault.ts'

/**
 * The one choke point. No effect without a Grant, and only `admit` mints one, after its entry is durable; a refusal is durable
 * before the caller hears of it. A grant lives until it is settled; a settlement allows one closing commit.
 */
export interface Ask<A extends Action> {
  readonly action: A
  readonly resource: Resource
  readonly reason?: Reason
  readonly subject?: string
  readonly document?: string
  /** Codes, numbers and opaque ids that belong to the intent, such as the range of a read. */
  readonly detail?: Detail
  /** A refusal that the verb found by rules beyond the role table; the role table is still asked first. */
  readonly refusal?: { readonly code: ErrorCode; readonly facts?: VaultError['facts'] }
  /** Another authenticated person beside the caller, for actions that need two. */
  readonly second?: Caller
}

interface Held {
  readonly caller: Caller
  readonly ask: Ask<Action>
  spent: boolean
}

const grants = new WeakMap<Grant, Held>()
const settlements = new WeakSet<Settlement>()

const noReason: Reason = { purpose: undefined, case: undefined }

/**
 * Decides, appends the intent (`allow` or `deny`), and mints a grant or throws.
 *
 * @throws {VaultError} the decision's code, or `ask.refusal`'s - refused, and the refusal is on record
 * @throws {VaultError} trail.unavailable - nothing is on record and nothing may happen
 */
export async function admit<A extends Action>(
  vault: Pick<Vault, 'trail' | 'tenants' | 'denials' | 'clock'>,
  caller: Caller,
  ask: Ask<A>,
): Promise<{ readonly grant: Grant<A>; readonly scope: Scope }> {
  const tenant = caller.tenant === undefined ? undefined : vault.tenants.get(caller.tenant)
  const reason = ask.reason ?? noReason
  const decision = decide(caller, ask.action, ask.resource, tenant, reason, ask.second)
  const refusal = refusalOf(decision, ask)
  const [placed] = await vault.trail.append([
    {
      act: ask.action,
      out: refusal ? 'deny' : 'allow',
      ...(refusal ? { why: refusal.code } : {}),
      caller,
      ...(ask.subject === undefined ? {} : { subject: ask.subject }),
      ...(ask.document === undefined ? {} : { document: ask.document }),
      reason,
      ...detailOf(ask),
    },
  ])
  if (refusal || !decision.granted) {
    vault.denials.countRefusal(caller, vault.clock.nowMs())
    throw new VaultError(refusal?.code ?? 'role.not-allowed', refusal?.facts)
  }
  if (!placed) throw new VaultError('trail.unavailable')
  const grant = Object.freeze({ action: ask.action, intent: placed }) as unknown as Grant<A>
  grants.set(grant, { caller, ask, spent: false })
  return { grant, scope: decision.scope }
}

function refusalOf(decision: Decision, ask: Ask<Action>): Ask<Action>['refusal'] {
  if (decision.granted) return ask.refusal
  return decision.allowed ? { code: decision.code, facts: { allowed: decision.allowed } } : { code: decision.code }
}

function detailOf(ask: Ask<Action>): { detail?: Detail } {
  if (ask.detail === undefined && ask.second === undefined) return {}
  return { detail: { ...ask.detail, ...(ask.second ? { second: ask.second.id } : {}) } }
}

/** What became of a granted action. */
export interface Outcome {
  readonly out: Exclude<Out, 'allow' | 'deny'>
  readonly why?: ErrorCode | OwnWhy
  readonly subject?: string
  readonly document?: string
  readonly detail?: Detail
}

/**
 * Appends the outcome and spends the grant: from here on every use of it throws. The settlement allows one closing commit.
 * When the append fails the grant is spent all the same and stays open in the trail until the sweep of open grants marks it.
 *
 * @throws {VaultError} grant.spent - settled before
 * @throws {VaultError} trail.unavailable - the outcome is not on record
 */
export async function settle(vault: Pick<Vault, 'trail'>, grant: Grant, outcome: Outcome): Promise<Settlement> {
  const { caller, ask } = holdOf(grant)
  spend(grant)
  const subject = outcome.subject ?? ask.subject
  const document = outcome.document ?? ask.document
  const [placed] = await vault.trail.append([
    {
      act: ask.action,
      out: outcome.out,
      of: grant.intent.id,
      ...(outcome.why === undefined ? {} : { why: outcome.why }),
      caller,
      ...(subject === undefined ? {} : { subject }),
      ...(document === undefined ? {} : { document }),
      reason: ask.reason ?? noReason,
      ...(outcome.detail === undefined ? {} : { detail: outcome.detail }),
    },
  ])
  if (!placed) throw new VaultError('trail.unavailable')
  const settlement = Object.freeze({ outcome: { log: placed.log, index: placed.index } }) as unknown as Settlement
  settlements.add(settlement)
  return settlement
}

/**
 * Called by the gate before every effect: lets a live grant of one of `actions` pass, or takes a settlement's one commit.
 * @throws {VaultError} grant.spent - not minted here, for another action, settled, or used up
 */
export function requireLive(by: Grant | Settlement, allowed: readonly Action[]): void {
  if ('intent' in by) {
    if (!allowed.includes(holdOf(by).ask.action)) throw new VaultError('grant.spent')
    return
  }
  if (!settlements.delete(by)) throw new VaultError('grant.spent')
}

/** Who the grant was given to. */
export function holderOf(grant: Grant): Caller {
  return holdOf(grant).caller
}

function holdOf(grant: Grant): Held {
  const held = grants.get(grant)
  if (!held || held.spent) throw new VaultError('grant.spent')
  return held
}

function spend(grant: Grant): void {
  const held = grants.get(grant)
  if (held) held.spent = true
}
