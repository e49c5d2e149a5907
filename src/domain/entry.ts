import type { Caller, Reason } from './caller.ts'
import { isNormal, unfitForTrail } from './canonical.ts'
import { type ErrorCode, VaultError } from './errors.ts'
import type { TenantId } from './ids.ts'
import { limits } from './media.ts'
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

/** Acts that are no action of a caller: counted refusals, alerts. */
export type OwnAct = 'key.retired' | 'refusals.counted' | 'alert.reads' | 'request.refused'
export type OwnWhy = 'replayed' | 'opened' | 'client-gone' | 'deadline' | 'unfinished' | 'year' | 'restored'

/** The bookkeeping of the trail itself, which its writer alone appends. */
export type LogAct = 'log.opened' | 'log.closed'

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

/** An entry by which the writer ends a year's log or begins the next, or the one after a restored backup. */
export function completeLogEntry(
  act: LogAct,
  tenant: TenantId | undefined,
  detail: Detail,
  id: string,
  timeMs: number,
  instance: string,
  why: 'year' | 'restored' = 'year',
): Entry {
  const ts = new Date(timeMs).toISOString()
  return {
    v: 1,
    id,
    ts,
    inst: instance,
    act,
    out: 'note',
    why,
    ...(tenant ? { ten: tenant } : {}),
    det: detail,
  }
}

const utf8 = new TextEncoder()

/**
 * The bytes of an entry: the UTF-8 of its canonical JSON (RFC 8785), at most `limits.entryMaxBytes`.
 * @throws {VaultError} unexpected - too long, or it holds what the trail's JSON does not know; a defect of who drafted it
 */
export function canonicalEntry(entry: Entry): Uint8Array {
  const text = canonicalText(entry)
  if (text === undefined) throw new VaultError('unexpected', { detail: 'entry.unfit' })
  const bytes = utf8.encode(text)
  if (bytes.length <= limits.entryMaxBytes) return bytes
  throw new VaultError('unexpected', { detail: 'entry.too-long', limit: limits.entryMaxBytes, actual: bytes.length })
}

/**
 * The members are named in canonical order, so that the native writer, which leaves out what is undefined and writes strings and
 * integers as RFC 8785 asks, does the rest. A property holds it against the general form in canonical.ts.
 */
function canonicalText(entry: Entry): string | undefined {
  const { act, actor, det, doc, id, inst, of, out, purpose, req, sub, ten, ts, v, why } = entry
  const sorted = det === undefined ? undefined : sortedDetail(det)
  if (sorted === null) return undefined
  const who = actor && { auth: actor.auth, id: actor.id, k: actor.k, roles: actor.roles }
  const named = {
    act,
    actor: who,
    case: entry.case,
    det: sorted,
    doc,
    id,
    inst,
    of,
    out,
    purpose,
    req,
    sub,
    ten,
    ts,
    v,
    why,
  }
  const text = JSON.stringify(named)
  return isFit(text) ? text : undefined
}

const detailName = /^[A-Za-z][A-Za-z0-9_.-]*$/

/** The same detail in canonical order, or null where the trail's JSON does not know a name or value of it. */
function sortedDetail(detail: Detail): Detail | null {
  const sorted: Record<string, Detail[string]> = {}
  for (const name of Object.keys(detail).sort()) {
    const value = detail[name]
    if (value === undefined || !detailName.test(name) || unfitForTrail(value)) return null
    sorted[name] = value
  }
  return sorted
}

/**
 * True when every string in the text is well-formed and in NFC. No mark combines with a quotation mark, so the text is normal
 * exactly when its strings are; a lone surrogate is written as an escape and shows once the strings are read back.
 */
function isFit(text: string): boolean {
  if (!isNormal(text)) return false
  return !text.includes('\\u') || unfitForTrail(JSON.parse(text)) === undefined
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const timePattern = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/
const outs: ReadonlySet<unknown> = new Set<Out>(['allow', 'deny', 'done', 'broken', 'error', 'swept', 'note'])

/**
 * Reads the bytes of an entry and refuses whatever `canonicalEntry` would not have written: another form of the same JSON, a
 * member it does not know, one that stands twice.
 *
 * @throws {VaultError} trail.diverged - with `detail` `entry.malformed`, `entry.not-canonical` or `entry.too-long`
 */
export function parseEntry(bytes: Uint8Array): Entry {
  if (bytes.length > limits.entryMaxBytes) throw new VaultError('trail.diverged', { detail: 'entry.too-long' })
  const text = textIn(bytes)
  const entry = text === undefined ? undefined : jsonIn(text)
  if (!isEntry(entry)) throw new VaultError('trail.diverged', { detail: 'entry.malformed' })
  if (canonicalText(entry) !== text) throw new VaultError('trail.diverged', { detail: 'entry.not-canonical' })
  return entry
}

function textIn(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return undefined
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isTextOrAbsent = (value: unknown): boolean => value === undefined || typeof value === 'string'
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)

function isEntry(value: unknown): value is Entry {
  if (!isRecord(value)) return false
  const { v, id, ts, inst, act, out, of, why, ten, sub, doc, actor, purpose, req, det } = value
  if (v !== 1 || !isText(id) || !isText(ts) || !timePattern.test(ts) || !isText(inst) || !isText(act)) return false
  if (!outs.has(out) || !isTextOrAbsent(of) || !isTextOrAbsent(why) || !isTextOrAbsent(ten)) return false
  if (!isTextOrAbsent(sub) || !isTextOrAbsent(doc) || !isTextOrAbsent(purpose) || !isTextOrAbsent(req)) return false
  return isTextOrAbsent(value.case) && (actor === undefined || isActor(actor)) && (det === undefined || isDetail(det))
}

function isActor(value: unknown): boolean {
  return isRecord(value) && isText(value.k) && isText(value.id) && isText(value.auth) && isTexts(value.roles)
}

function isDetail(value: unknown): value is Detail {
  return isRecord(value) && Object.values(value).every(isDetailValue)
}

function isDetailValue(value: unknown): boolean {
  return isText(value) || typeof value === 'number' || typeof value === 'boolean' || isTexts(value)
}
