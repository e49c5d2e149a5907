import type { Caller } from '../domain/caller.ts'
import { type ErrorCode, VaultError } from '../domain/errors.ts'
import type { Grant, Settlement } from '../domain/grant.ts'
import { type Action, decide, type Scope } from '../domain/permission.ts'
import type { Change, Committed } from '../ports/ledger.ts'
import { type Ask, intentDraft, type Outcome, outcomeDraft, type Refusal, reasonOf, refusalOf } from './asking.ts'
import { type Beside, type Stand, useOf, whoStandsBeside } from './beside.ts'
import { appendLater, appendOutcome } from './late-outcomes.ts'
import type { Placed, Vault } from './vault.ts'

/**
 * The one choke point. No effect without a Grant, and only `admit` mints one, after its entry is durable; a refusal is durable
 * before the caller hears of it. A grant lives until it is settled; a settlement allows one closing commit.
 */
export type { Ask, Outcome, Refusal } from './asking.ts'

interface Held {
  readonly caller: Caller
  readonly ask: Ask<Action>
  /** Uses up the approval that lent the second person, until a commit has done so. */
  use: Change | undefined
  spent: boolean
}

const grants = new WeakMap<Grant, Held>()
const settlements = new WeakSet<Settlement>()
const recorded = new WeakSet<VaultError>()

type Guarded = Pick<Vault, 'trail' | 'tenants' | 'denials' | 'clock' | 'ledger'>

/**
 * Decides, appends the intent (`allow` or `deny`), and mints a grant or throws.
 *
 * @returns also who stood beside the caller, if anybody did
 * @throws {VaultError} the decision's code, or that of `ask.refuse` - refused, and the refusal is on record
 * @throws {VaultError} trail.unavailable - nothing is on record and nothing may happen
 */
export async function admit<A extends Action>(
  vault: Guarded,
  caller: Caller,
  ask: Ask<A>,
): Promise<{ readonly grant: Grant<A>; readonly scope: Scope; readonly second?: Caller }> {
  const { placed, scope, stand } = await decideOnRecord(vault, caller, ask, 'allow')
  const grant = mint(caller, ask, placed, useIn(stand))
  return { grant, scope, ...(stand.second ? { second: stand.second } : {}) }
}

/**
 * Many of one kind at once: each is decided by itself and has an entry of its own, all in one append, so at most 512. None may
 * need a second person.
 *
 * @returns for each, in order, its grant, or why it was refused: that refusal is on record
 * @throws {VaultError} trail.unavailable - nothing is on record and nothing may happen
 */
export async function admitAll<A extends Action>(
  vault: Guarded,
  caller: Caller,
  asks: readonly Omit<Ask<A>, keyof Beside>[],
): Promise<readonly (Grant<A> | VaultError)[]> {
  const answers = await decideAllOnRecord(vault, caller, asks, 'allow')
  return answers.map((answer, at) =>
    'refused' in answer ? answer.refused : mint(caller, asks[at] as Ask<A>, answer.placed),
  )
}

function mint<A extends Action>(caller: Caller, ask: Ask<A>, placed: Placed, use?: Change): Grant<A> {
  const grant = Object.freeze({ action: ask.action, intent: placed }) as unknown as Grant<A>
  grants.set(grant, { caller, ask, use, spent: false })
  return grant
}

function useIn(stand: Stand): Change | undefined {
  return 'approval' in stand && stand.approval ? useOf(stand.approval) : undefined
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

type Recorded =
  | { readonly placed: Placed; readonly scope: Scope; readonly stand: Stand }
  | { readonly refused: VaultError }

async function decideOnRecord(vault: Guarded, caller: Caller, ask: Ask<Action>, granted: 'allow' | 'done') {
  const [answer] = await decideAllOnRecord(vault, caller, [ask], granted)
  if (!answer) throw new VaultError('trail.unavailable')
  if ('refused' in answer) throw answer.refused
  return answer
}

async function decideAllOnRecord(
  vault: Guarded,
  caller: Caller,
  asks: readonly Ask<Action>[],
  granted: 'allow' | 'done',
): Promise<readonly Recorded[]> {
  const judged = await Promise.all(asks.map(ask => judge(vault, caller, ask, granted)))
  const placed = await vault.trail.append(judged.map(({ draft }) => draft))
  return judged.map(({ decision, refusal, stand }, at): Recorded => {
    const entry = placed[at]
    if (refusal || !decision.granted) return { refused: refused(vault, caller, refusal) }
    if (!entry) throw new VaultError('trail.unavailable')
    return { placed: entry, scope: decision.scope, stand }
  })
}

async function judge(vault: Guarded, caller: Caller, ask: Ask<Action>, granted: 'allow' | 'done') {
  const tenant = caller.tenant === undefined ? undefined : vault.tenants.get(caller.tenant)
  const stand = await whoStandsBeside(vault, caller, ask)
  const decision = decide(caller, ask.action, ask.resource, tenant, reasonOf(ask), stand.second)
  const refusal = decision.granted ? await ask.refuse?.() : refusalOf(decision, stand)
  return { decision, refusal, stand, draft: intentDraft(caller, ask, stand, refusal ?? granted) }
}

/** Counted and marked as on record. */
function refused(vault: Guarded, caller: Caller, refusal: Refusal | undefined): VaultError {
  vault.denials.countRefusal(caller, vault.clock.nowMs())
  const error = new VaultError(refusal?.code ?? 'role.not-allowed', refusal?.facts)
  recorded.add(error)
  return error
}

/** True for a refusal that stands in the trail already; the door records the others that it makes itself. */
export function isRecorded(error: unknown): boolean {
  return error instanceof VaultError && recorded.has(error)
}

/**
 * Appends the outcome and spends the grant: from here on every use of it throws. The settlement allows one closing commit.
 * When the append fails the grant is spent all the same and stays open in the trail until the sweep of open grants marks it.
 *
 * @throws {VaultError} grant.spent - settled before
 * @throws {VaultError} trail.unavailable - the outcome is not on record
 */
export async function settle(vault: Pick<Vault, 'trail'>, grant: Grant, outcome: Outcome): Promise<Settlement> {
  const [settlement] = await settleAll(vault, [{ grant, outcome }])
  if (!settlement) throw new VaultError('trail.unavailable')
  return settlement
}

/**
 * Many at once, as `settle` does one: an outcome entry for each, all in one append, so at most 512.
 * @returns the settlement of each, in order
 * @throws {VaultError} as `settle`; all of them are spent then, and none was if one was spent before
 */
export async function settleAll(
  vault: Pick<Vault, 'trail'>,
  all: readonly { readonly grant: Grant; readonly outcome: Outcome }[],
): Promise<readonly Settlement[]> {
  const held = all.map(({ grant, outcome }) => ({ held: holdOf(grant), of: grant.intent.id, outcome }))
  for (const one of held) requireUsed(one.held, one.outcome)
  for (const one of held) one.held.spent = true
  const placed = await vault.trail.append(
    held.map(({ held: { caller, ask }, of, outcome }) => outcomeDraft(caller, ask, of, outcome)),
  )
  return placed.map(({ log, index }) => {
    const settlement = Object.freeze({ outcome: { log, index } }) as unknown as Settlement
    settlements.add(settlement)
    return settlement
  })
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
  requireUsed(held, outcome)
  held.spent = true
  if (failure !== undefined && codeOf(failure).startsWith('trail.')) return
  const draft = outcomeDraft(held.caller, held.ask, grant.intent.id, outcome)
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

/**
 * Called by the gate before every effect but a commit: lets a live grant of one of `allowed` pass.
 * @throws {VaultError} grant.spent - not minted here, for another action, settled, or its approval is not used up yet
 */
export function requireLive(by: Grant, allowed: readonly Action[]): void {
  const held = holdOf(by)
  if (held.use || !allowed.includes(held.ask.action)) throw new VaultError('grant.spent')
}

/**
 * One commit, as the gate makes it: by a live grant, or as the one commit of a settlement. An approval for one effect is used
 * up by the first commit of that effect, in the same breath: of two who come with it one is refused, and who lost the
 * commit to somebody else's change has it still.
 *
 * @param commit puts these changes into the ledger, all or none
 * @throws {VaultError} grant.spent - not minted here, settled, or used up
 * @throws {VaultError} approval.ended - somebody else used it first; nothing was changed
 */
export async function commitBy(
  by: Grant | Settlement,
  changes: readonly Change[],
  commit: (changes: readonly Change[]) => Promise<Committed>,
): Promise<Committed> {
  if (!('intent' in by)) {
    if (!settlements.delete(by)) throw new VaultError('grant.spent')
    const committed = await commit(changes)
    // It lost a condition and had no effect, so the right to it is left.
    if (!committed.done) settlements.add(by)
    return committed
  }
  const held = holdOf(by)
  const committed = await commit(held.use ? [...changes, held.use] : changes)
  if (committed.done) held.use = undefined
  else if (committed.change === changes.length) throw new VaultError('approval.ended')
  return committed
}

/** False once the grant is settled or closed. */
export function isLive(grant: Grant): boolean {
  return grants.get(grant)?.spent === false
}

/** Nothing counts as done by two people while the approval that lent the second one could be used again: a defect of the verb. */
function requireUsed({ use }: Held, { out, why }: Outcome): void {
  if (use && out === 'done' && why !== 'replayed') throw new VaultError('grant.spent', { detail: 'approval.unused' })
}

function holdOf(grant: Grant): Held {
  const held = grants.get(grant)
  if (!held || held.spent) throw new VaultError('grant.spent')
  return held
}
