import { type ProcessRole, processRoles } from '../domain/process-role.ts'
import type { Route } from './route.ts'

const all = processRoles
const callers = ['intake', 'access'] as const

/**
 * Which processes serve which route, by the route's id. Intake serves what a platform needs that sends papers in; everything
 * that opens, decides or tells of callers is access alone; nobody calls the jobs but probes.
 */
// biome-ignore format: the table reads as a table, one route a line.
export const servedBy: Readonly<Record<string, readonly ProcessRole[]>> = {
  recordEvent: ['intake'],
  depositDocument: ['intake'],
  describeSubject: callers,
  listDocuments: callers,
  describeDocument: callers,
  readLimits: callers,
  openDocument: ['access'],
  eraseDocument: ['access'],
  readSubjectFile: ['access'],
  readCertificate: ['access'],
  askPurge: ['access'],
  listPurgeRuns: ['access'],
  describePurgeRun: ['access'],
  listPurgeItems: ['access'],
  approvePurge: ['access'],
  confirmClock: ['access'],
  listHolds: ['access'],
  placeHold: ['access'],
  describeHold: ['access'],
  releaseHold: ['access'],
  listReviews: ['access'],
  takeReview: ['access'],
  giveBackReview: ['access'],
  decideReview: ['access'],
  overrideReview: ['access'],
  readTrail: ['access'],
  askApproval: ['access'],
  listApprovals: ['access'],
  describeApproval: ['access'],
  voteApproval: ['access'],
  listCallers: ['access'],
  addCaller: ['access'],
  revokeCaller: ['access'],
  denyToken: ['access'],
  listKeys: ['access'],
  askRotation: ['access'],
  livez: all,
  readyz: all,
  openapi: callers,
  docs: callers,
  docsInit: callers,
  docsStyle: callers,
  docsScript: callers,
  listProblems: all,
  describeProblem: all,
}

/** Whether a process of these roles answers the route itself. */
export function isServed({ id }: Pick<Route, 'id'>, roles: readonly ProcessRole[]): boolean {
  return servedBy[id]?.some(role => roles.includes(role)) ?? false
}

/** Whether a process of these roles can tell one caller from another. */
export function knowsCallers(roles: readonly ProcessRole[]): boolean {
  return callers.some(role => roles.includes(role))
}

/**
 * Stops the start when a route has no process, or the table names a route that is not there.
 * @throws {Error} naming the route
 */
export function requireServed(routes: readonly Pick<Route, 'id'>[]): void {
  const ids = new Set(routes.map(({ id }) => id))
  for (const id of ids) {
    if (!isServed({ id }, all)) throw new Error(`no process serves the route ${id}: name one in http/served-by.ts`)
  }
  for (const id of Object.keys(servedBy)) {
    if (!ids.has(id)) throw new Error(`http/served-by.ts names ${id}, which is no route`)
  }
}
