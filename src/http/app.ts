import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express'
import helmet from 'helmet'
import { VaultError } from '../domain/errors.ts'
import { newUuid7 } from '../guards/uuid7.ts'
import { authenticate } from './authenticate.ts'
import { dispatch, dispatchPublic } from './dispatch.ts'
import type { Door } from './door.ts'
import { beginExchange, exchangeOf } from './exchange.ts'
import { strictFraming } from './framing.ts'
import { lingerThenClose } from './linger.ts'
import { asVaultError, causeOf, sendProblem } from './problem.ts'
import { refuseOnRecord } from './refusals.ts'
import type { Route } from './route.ts'
import { requireJudged } from './routes.ts'
import { isServed, knowsCallers, requireServed } from './served-by.ts'

/** The whole way of a request, in this order. */
export function makeApp(door: Door, routes: readonly Route[]): Express {
  requireJudged(routes)
  requireServed(routes)
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', false)
  app.enable('strict routing')
  app.enable('case sensitive routing')
  app.use(begin(door))
  app.use(securityHeaders)
  app.use(strictFraming)
  if (door.restored) app.use('/v1', refuseRestored)
  for (const [path, atPath] of byPath(routes)) mount(app, door, path, atPath)
  app.use(nothingHere(door))
  app.use(answerError(door))
  return app
}

/** Request id, the end of the exchange, and the one log line. */
function begin(door: Door): RequestHandler {
  return (req, res, next) => {
    const requestId = newUuid7()
    const abort = door.inFlight.follow(res, () => logRequest(door, req, res))
    beginExchange(res, {
      requestId,
      startedMs: performance.now(),
      abort,
      isLate: door.inFlight.stopping,
      route: '(none)',
    })
    res.setHeader('Vault-Request-Id', requestId)
    res.setHeader('Cache-Control', 'no-store')
    lingerThenClose(req, res, door.timeouts.lingerMs)
    next()
  }
}

function logRequest(door: Door, { method }: Request, res: Response): void {
  const { requestId, startedMs, route, caller, code } = exchangeOf(res)
  const durationMs = Math.round((performance.now() - startedMs) * 10) / 10
  // A client that left before an answer began: the number that other servers log for it.
  const status = res.headersSent ? res.statusCode : 499
  door.counts.count(route, method, status, durationMs)
  const tenant = caller?.tenant === undefined ? {} : { tenant: caller.tenant }
  door.vault.log.info('request', { method, route, status, durationMs, requestId, ...tenant, ...(code ? { code } : {}) })
}

/** Before anybody is asked who they are: nothing can be put on record, so nothing may be said. */
function refuseRestored(): never {
  throw new VaultError('vault.restored')
}

/** Nothing that the vault answers is a page, but for its documentation, which sets a policy of its own. */
const securityHeaders = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"], sandbox: [] },
  },
  referrerPolicy: { policy: 'no-referrer' },
  xFrameOptions: { action: 'deny' },
})

function byPath(routes: readonly Route[]): Map<string, readonly Route[]> {
  return Map.groupBy(routes, route => route.path)
}

function mount(app: Express, door: Door, path: string, routes: readonly Route[]): void {
  const at = app.route(path.replaceAll(/\{(\w+)\}/g, ':$1'))
  const allowed = routes.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]))
  for (const route of routes) {
    at[route.method](isServed(route, door.roles) ? served(door, route) : misdirected(route))
  }
  at.all((req, res) => refuse(door, req, res, new VaultError('request.method-not-allowed', { allowed })))
}

function served(door: Door, route: Route): RequestHandler {
  return 'action' in route ? dispatch(door, route) : dispatchPublic(door, route)
}

/** Said of a table that everybody may read, before anything of the request is looked at: whoever serves the route judges it. */
function misdirected(route: Route): RequestHandler {
  return (_req, res) => {
    exchangeOf(res).route = route.path
    throw new VaultError('request.misdirected')
  }
}

function nothingHere(door: Door): RequestHandler {
  return (req, res) => refuse(door, req, res, new VaultError('request.not-found'))
}

/** Below /v1 nobody learns what is there without a credential, and who has one leaves a record. */
async function refuse(door: Door, req: Request, res: Response, refusal: VaultError): Promise<never> {
  if (!req.path.startsWith('/v1/')) throw refusal
  // Without a right to the door's secret no credential can be told from another.
  if (!knowsCallers(door.roles)) throw new VaultError('request.misdirected')
  const exchange = exchangeOf(res)
  const caller = await authenticate(door.vault, req, exchange.requestId)
  exchange.caller = caller
  return await refuseOnRecord(door.vault, caller, 'request.refused', refusal)
}

/** Express knows an error handler by its four parameters. */
function answerError(door: Door) {
  return (error: unknown, _req: Request, res: Response, _next: NextFunction): void => {
    const failure = asVaultError(error)
    sendProblem(res, failure)
    if (res.statusCode < 500) return
    const cause = causeOf(failure)
    const { requestId, route } = exchangeOf(res)
    door.vault.log.error('request failed', { requestId, route, code: failure.code, ...(cause ? { cause } : {}) })
  }
}
