import type { Caller, Reason } from '../domain/caller.ts'
import type { Detail, EntryDraft, Out, OwnWhy } from '../domain/entry.ts'
import { type ErrorCode, VaultError } from '../domain/errors.ts'
import type { Grant, Settlement } from '../domain/grant.ts'
import { type Action, type Decision, decide, type Resource, type Scope } from '../domain/permission.ts'
import type { Change } from '../ports/ledger.ts'
import { type Beside, type Stand, useOf, whoStandsBeside } from './beside.ts'
import { appendLater, appendOutcome } from './late-outcomes.ts'
import type { Placed, Vault } from './vault.ts'

/**
 * The one choke point. No effect without a Grant, and only `admit` mints one, after its entry is durable; a refusal is durable
 * before the caller hears of it. A grant lives until it is settled; a settlement allows one closing commit.
 */
export interface Ask<A extends Action> extends Beside {
  readonly action: A
  readonly resource: Resource
  readonly reason?: Reason
  readonly subject?: string
  readonly document?: string
  /** Codes, numbers and opaque ids that belong to the intent, such as the range of a read. */
  readonly detail?: Detail
  /**
   * Rules beyond the role table: asked only when the table grants, so that their answer tells nothing to those who may not
   * ask, and before the entry is written, so that their refusal is on record like any other.
   */
  readonly refuse?: () => Promise<Refusal | undefined> | Refusal | undefined
  /** What the action is done to, as an approval of it names it (domain/approval.ts). */
  readonly target?: string
}

/** Why a verb refuses, by its own rules, what the role table grants. */
export interface Refusal {
  readonly code: ErrorCode
  readonly facts?: VaultError['facts']
}

interface Held {
  readonly caller: Caller
  readonly ask: Ask<Action>
  spent: boolean
}

const grants = new WeakMap<Grant, Held>()
const settlements = new WeakSet<Settlement>()
const recorded = new WeakSet<VaultError>()

const noReason: Reason = { purpose: undefined, case: undefined }

type Guarded = Pick<Vault, 'trail' | 'tenants' | 'denials' | 'clock' | 'ledger'>

/**
 * Decides, appends the intent (`allow` or `deny`), and mints a grant or throws.
 *
 * @throws {VaultError} the decision's code, or that of `ask.refuse` - refused, and the refusal is on record
 * @throws {VaultError} trail.unavailable - nothing is on record and nothing may happen
 */
export async function admit<A extends Action>(
  vault: Guarded,
  caller: Caller,
  ask: Ask<A>,
): Promise<{ readonly grant: Grant<A>; readonly scope: Scope }> {
  const { placed, scope, stand } = await decideOnRecord(vault, caller, ask, 'allow')
  const grant = Object.freeze({ action: ask.action, intent: placed }) as unknown as Grant<A>
  grants.set(grant, { caller, ask, spent: false })
  await useApproval(vault, grant, stand)
  return { grant, scope }
}

/** An approval for one effect is used up before the effect: of two who come with it, one is refused. */
async function useApproval(vault: Guarded, grant: Grant, stand: Stand): Promise<void> {
  const used = 'approval' in stand && stand.approval ? useOf(stand.approval) : undefined
  if (!used) return
  const failure = await commitUse(vault, grant, used)
  if (failure === undefined) return
  const held = holdOf(grant)
  held.spent = true
  await vault.trail.append([outcomeDraft(held, grant, { out: 'error', why: codeOf(failure) })])
  if (failure instanceof VaultError) recorded.add(failure)
  throw failure
}

/** @returns why it could not be used up */
async function commitUse(vault: Guarded, grant: Grant, used: Change): Promise<unknown> {
  try {
    const committed = await vault.ledger.commit(grant, [used])
    return committed.done ? undefined : new VaultError('approval.ended')
  } catch (error) {
    return error
  }
}

/**
 * For looks at metadata, which have no effect and so need no grant: decides and appends one entry (`done` or `deny`) before
 * the answer may leave.
 *
 * @throws {VaultError} as `admit`
 */
export async function observe(
  vault: Guarded,
  caller: Caller,
  ask: Ask<Action>,
): Promise<{ readonly placed: Placed; readonly scope: Scope }> {
  return decideOnRecord(vault, caller, ask, 'done')
}

async function decideOnRecord(vault: Guarded, caller: Caller, ask: Ask<Action>, granted: 'allow' | 'done') {
  const tenant = caller.tenant === undefined ? undefined : vault.tenants.get(caller.tenant)
  const reason = ask.reason ?? noReason
  const stand = await whoStandsBeside(vault, caller, ask)
  const decision = decide(caller, ask.action, ask.resource, tenant, reason, stand.second)
  const refusal = decision.granted ? await ask.refuse?.() : refusalOf(decision, stand)
  const [placed] = await vault.trail.append([
    {
      act: ask.action,
      out: refusal ? 'deny' : granted,
      ...(refusal ? { why: refusal.code } : {}),
      caller,
      ...(ask.subject === undefined ? {} : { subject: ask.subject }),
      ...(ask.document === undefined ? {} : { document: ask.document }),
      reason,
      ...detailOf(ask, stand),
    },
  ])
  if (refusal || !decision.granted) {
    vault.denials.countRefusal(caller, vault.clock.nowMs())
    const error = new VaultError(refusal?.code ?? 'role.not-allowed', refusal?.facts)
    recorded.add(error)
    throw error
  }
  if (!placed) throw new VaultError('trail.unavailable')
  return { placed, scope: decision.scope, stand }
}

/** True for a refusal that stands in the trail already; the door records the others that it makes itself. */
export function isRecorded(error: unknown): boolean {
  return error instanceof VaultError && recorded.has(error)
}

function refusalOf(decision: Decision & { granted: false }, stand: Stand): Refusal {
  if (decision.code === 'role.second-person' && 'refused' in stand) return { code: stand.refused }
  return decision.allowed ? { code: decision.code, facts: { allowed: decision.allowed } } : { code: decision.code }
}

function detailOf(ask: Ask<Action>, { second }: Stand): { detail?: Detail } {
  if (ask.detail === undefined && second === undefined && ask.approval === undefined) return {}
  const beside = { ...(second ? { second: second.id } : {}), ...(ask.approval ? { approval: ask.approval } : {}) }
  return { detail: { ...ask.detail, ...beside } }
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
  const held = holdOf(grant)
  held.spent = true
  const [placed] = await vault.trail.append([outcomeDraft(held, grant, outcome)])
  if (!placed) throw new VaultError('trail.unavailable')
  const settlement = Object.freeze({ outcome: { log: placed.log, index: placed.index } }) as unknown as Settlement
  settlements.add(settlement)
  return settlement
}

/**
 * Closes a grant whose effect has already happened or failed. Nothing can be taken back then, so it never throws for the
 * trail: it resolves after the first try, tries twice more behind the caller's back, and what stays open is marked by the
 * sweep of open grants. After a failure of the trail itself it does not try at all: the caller is owed a quick 503.
 *
 * @param failure what the verb is about to throw; marked as being on record once it is
 * @throws {VaultError} grant.spent - settled before
 */
export async function close(
  vault: Pick<Vault, 'trail' | 'log' | 'clock'>,
  grant: Grant,
  outcome: Outcome,
  failure?: unknown,
): Promise<void> {
  const held = holdOf(grant)
  held.spent = true
  if (failure !== undefined && codeOf(failure).startsWith('trail.')) return
  const draft = outcomeDraft(held, grant, outcome)
  if (await appendOutcome(vault, draft)) {
    if (failure instanceof VaultError) recorded.add(failure)
    return
  }
  appendLater(vault, grant, draft)
}

/** The code of a VaultError, or `unexpected`. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof VaultError ? error.code : 'unexpected'
}

function outcomeDraft({ caller, ask }: Held, grant: Grant, outcome: Outcome): EntryDraft {
  const subject = outcome.subject ?? ask.subject
  const document = outcome.document ?? ask.document
  return {
    act: ask.action,
    out: outcome.out,
    of: grant.intent.id,
    ...(outcome.why === undefined ? {} : { why: outcome.why }),
    caller,
    ...(subject === undefined ? {} : { subject }),
    ...(document === undefined ? {} : { document }),
    reason: ask.reason ?? noReason,
    ...(outcome.detail === undefined ? {} : { detail: outcome.detail }),
  }
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

/** False once the grant is settled or closed. */
export function isLive(grant: Grant): boolean {
  return grants.get(grant)?.spent === false
}

function holdOf(grant: Grant): Held {
  const held = grants.get(grant)
  if (!held || held.spent) throw new VaultError('grant.spent')
  return held
}
