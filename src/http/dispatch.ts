import type { Request, RequestHandler, Response } from 'express'
import type { Caller, Reason } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import { parseApprovalId, parseCaseReference } from '../domain/ids.ts'
import { limits } from '../domain/media.ts'
import { BackingWait } from '../guards/backing-wait.ts'
import type { Beside } from '../guards/beside.ts'
import { authenticate, authenticateSecond } from './authenticate.ts'
import { announcesBody } from './body-watch.ts'
import type { Door } from './door.ts'
import { exchangeOf } from './exchange.ts'
import { parseFields, parseQuery } from './fields.ts'
import { readJsonBody } from './json-body.ts'
import { refuseOnRecord } from './refusals.ts'
import { type Reply, send } from './respond.ts'
import type { Asked, GuardedRoute, PublicRoute } from './route.ts'
import { beginUpload, type Upload } from './upload.ts'

interface Parsed {
  readonly asked: Asked<unknown, unknown, unknown>
  readonly upload: Upload<unknown> | undefined
}

/** What a verb has answered, and what is lent to it until that has left. */
interface Worked {
  readonly reply: Reply
  readonly upload: Upload<unknown> | undefined
}

/**
 * One guarded request: who, then what exactly, then the verb. A refusal that no verb has put on record is put there before it
 * leaves. Where the backing lets a request wait for too long, that is the answer; the verb is told to stop, and ends behind
 * the caller's back in its own order.
 */
export function dispatch(door: Door, route: GuardedRoute): RequestHandler {
  return async (req, res) => {
    const exchange = exchangeOf(res)
    exchange.route = route.path
    const waiting = new BackingWait(door.vault)
    const work = workOn({ ...door, vault: waiting.vault }, route, req, res)
    const { reply, upload } = await waiting.over(work, error => {
      exchange.abort.abort(error)
      door.inFlight.track(leave(work))
    })
    try {
      await send(door, req, res, reply)
    } finally {
      upload?.end(true)
    }
  }
}

async function workOn(door: Door, route: GuardedRoute, req: Request, res: Response): Promise<Worked> {
  const exchange = exchangeOf(res)
  const caller = await authenticate(door.vault, req, exchange.requestId)
  exchange.caller = caller
  const record = (error: unknown) => refuseOnRecord(door.vault, caller, route.action, error)
  const { asked, upload } = await parse(door, route, req, res, caller).catch(record)
  try {
    return { reply: await route.handle(door, asked as Asked<never, never, never>).catch(record), upload }
  } catch (error) {
    upload?.end(false)
    throw error
  }
}

/** Frees what given up work holds at its end: nobody will be sent what it answers. */
async function leave(work: Promise<Worked>): Promise<void> {
  const [worked] = await Promise.allSettled([work])
  if (worked.status === 'rejected') return
  const { reply, upload } = worked.value
  upload?.end(false)
  if (reply.kind === 'opened' && reply.opened.kind === 'content') {
    await Promise.allSettled([reply.opened.finish({ complete: false, bytes: 0 })])
  }
}

/** A route for everybody: it touches no tenant, so nothing of it is recorded. */
export function dispatchPublic(door: Door, route: PublicRoute): RequestHandler {
  return async (req, res) => {
    exchangeOf(res).route = route.path
    if (announcesBody(req)) throw new VaultError('request.malformed', { detail: 'This route takes no body.' })
    await route.answer(door, req, res)
  }
}

async function parse(door: Door, route: GuardedRoute, req: Request, res: Response, caller: Caller): Promise<Parsed> {
  const { requestId, abort, isLate } = exchangeOf(res)
  const { headers } = req
  if (isLate) throw new VaultError('vault.stopping')
  const params = route.params ? parseFields(route.params, req.params) : undefined
  const query = parseQuery(route.query, req.url)
  const reason = reasonOf(req)
  const idempotency = { scope: scopeOf(route, req), key: route.headers?.includes('Idempotency-Key') ? keyOf(req) : '' }
  const beside = await besideOf(door, route, req, requestId)
  let body: unknown
  let upload: Upload<unknown> | undefined
  if (route.body === undefined) {
    if (announcesBody(req)) throw new VaultError('request.malformed', { detail: 'This route takes no body.' })
  } else if ('json' in route.body) {
    body = parseFields(route.body.json, await readJsonBody(req, res, door.timeouts))
  } else {
    const schema = route.body.multipart
    upload = await beginUpload(door, req, res, meta => parseFields(schema, meta))
    body = upload
  }
  const head = req.method === 'HEAD'
  const asked = { params, query, body, reason, idempotency, beside, headers, head, signal: abort.signal, caller }
  return { asked, upload }
}

/** Both are only read where the route names them; who sends both is judged by the approval. */
async function besideOf(door: Door, route: GuardedRoute, req: Request, requestId: string): Promise<Beside> {
  const named = route.headers?.includes('Vault-Approval') ? headerText(req, 'vault-approval') : undefined
  const approval = named === undefined ? undefined : parseApprovalId(named)
  if (named !== undefined && approval === undefined) {
    throw new VaultError('field.invalid', { field: 'Vault-Approval', detail: 'The id of an approval.' })
  }
  const second = route.headers?.includes('Vault-Second-Authorization')
    ? await authenticateSecond(door.vault, req, requestId)
    : undefined
  return { ...(second ? { second } : {}), ...(approval ? { approval } : {}) }
}

/** Method and concrete path, from the parsed parameters: no spelling of a path makes it another. */
function scopeOf(route: GuardedRoute, req: Request): string {
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(req.params[name] ?? ''))
  return `${route.method.toUpperCase()} ${path}`
}

const keyPattern = new RegExp(`^[\\x21-\\x7e]{1,${limits.idempotency.maxKeyCharacters}}$`)

function keyOf(req: Request): string {
  const key = req.headers['idempotency-key']
  if (key === undefined || key === '') throw new VaultError('idempotency.missing')
  if (typeof key === 'string' && keyPattern.test(key)) return key
  throw new VaultError('field.invalid', { field: 'Idempotency-Key', detail: '1 to 128 printable characters.' })
}

const purposePattern = /^[a-z0-9_-]{1,64}$/

/** Absent ones are judged with the role, by `decide`; only what can be no purpose and no case is refused here. */
function reasonOf(req: Request): Reason {
  const purpose = headerText(req, 'vault-purpose')
  const named = headerText(req, 'vault-case')
  if (purpose !== undefined && !purposePattern.test(purpose)) {
    throw new VaultError('field.invalid', { field: 'Vault-Purpose', detail: '1 to 64 of a-z 0-9 _ -' })
  }
  const caseReference = named === undefined ? undefined : parseCaseReference(named)
  if (named !== undefined && caseReference === undefined) {
    throw new VaultError('field.invalid', { field: 'Vault-Case', detail: '1 to 64 of A-Z a-z 0-9 . _ : / -' })
  }
  return { purpose, case: caseReference }
}

function headerText(req: Request, name: string): string | undefined {
  const value = req.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
