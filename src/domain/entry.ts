import type { Caller, Reason } from './caller.ts'
import type { ErrorCode } from './errors.ts'
import type { Action } from './permission.ts'

/** What happened to the thing asked for. `allow` and `deny` are intents; the others close an intent named by `of`. */
export type Out = 'allow' | 'deny' | 'done' | 'broken' | 'error' | 'swept' | 'note'

/** Facts of one kind of act: codes, numbers, hashes and opaque ids; never a name, a reference or free text. */
export type Detail = { readonly [key: string]: string | number | boolean | readonly string[] }

/** An entry before it has its id and time. Act is an action of the role matrix or one of the vault's own. */
export interface EntryDraft {
  readonly act: Action | OwnAct
  readonly out: Out
  /** Id of the intent that an outcome closes. */
  readonly of?: string
  readonly why?: ErrorCode | OwnWhy
  readonly caller: Caller | undefined
  readonly subject?: string
  readonly document?: string
  readonly reason?: Reason
  readonly detail?: Detail
}

/** Acts that are no action of a caller: bookkeeping of the trail itself, counted refusals, alerts. */
export type OwnAct = 'log.opened' | 'log.closed' | 'refusals.counted' | 'alert.reads' | 'request.refused'
export type OwnWhy = 'replayed' | 'opened' | 'client-gone' | 'deadline' | 'unfinished' | 'year'

/** The members of an entry, version 1, as they stand in its bytes. */
export interface Entry {
  readonly v: 1
  readonly id: string
  readonly ts: string
  readonly inst: string
  readonly act: string
  readonly out: Out
  readonly of?: string
  readonly why?: string
  readonly ten?: string
  readonly sub?: string
  readonly doc?: string
  readonly actor?: { readonly k: string; readonly id: string; readonly auth: string; readonly roles: readonly string[] }
  readonly purpose?: string
  readonly case?: string
  readonly req?: string
  readonly det?: Detail
}

/** Joins a draft with what the trail's writer knows. `timeMs` is epoch milliseconds, written as `…Z` with milliseconds. */
export function completeEntry(draft: EntryDraft, id: string, timeMs: number, instance: string): Entry {
  const { caller, reason } = draft
  return {
    v: 1,
    id,
    ts: new Date(timeMs).toISOString(),
    inst: instance,
    act: draft.act,
    out: draft.out,
    ...(draft.of === undefined ? {} : { of: draft.of }),
    ...(draft.why === undefined ? {} : { why: draft.why }),
    ...(caller?.tenant === undefined ? {} : { ten: caller.tenant }),
    ...(draft.subject === undefined ? {} : { sub: draft.subject }),
    ...(draft.document === undefined ? {} : { doc: draft.document }),
    ...(caller === undefined
      ? {}
      : {
          actor: { k: caller.kind, id: caller.id, auth: caller.auth, roles: caller.roles },
          req: caller.requestId,
        }),
    ...(reason?.purpose === undefined ? {} : { purpose: reason.purpose }),
    ...(reason?.case === undefined ? {} : { case: reason.case }),
    ...(draft.detail === undefined ? {} : { det: draft.detail }),
  }
}
