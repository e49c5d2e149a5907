import { type Action, matrix } from '../domain/permission.ts'
import { askApprovalRoute, describeApprovalRoute, listApprovalsRoute, voteApprovalRoute } from './approvals.ts'
import { addCallerRoute, listCallersRoute, revokeCallerRoute } from './callers.ts'
import { openDocumentRoute } from './content.ts'
import { denyTokenRoute } from './denied-tokens.ts'
import { docsRoutes } from './docs.ts'
import { depositRoute, describeDocumentRoute, eraseDocumentRoute, listDocumentsRoute } from './documents.ts'
import { livezRoute, readyzRoute } from './health.ts'
import { describeHoldRoute, listHoldsRoute, placeHoldRoute, releaseHoldRoute } from './holds.ts'
import { askRotationRoute, listKeysRoute } from './keys.ts'
import { limitsRoute } from './limits.ts'
import { openApiRoute } from './openapi.ts'
import { problemRoute, problemsRoute } from './problem-pages.ts'
import {
  approvePurgeRoute,
  askPurgeRoute,
  confirmClockRoute,
  describePurgeRunRoute,
  listPurgeItemsRoute,
  listPurgeRunsRoute,
  readCertificateRoute,
} from './purge-runs.ts'
import {
  decideReviewRoute,
  giveBackReviewRoute,
  listReviewsRoute,
  overrideReviewRoute,
  takeReviewRoute,
} from './reviews.ts'
import type { Route } from './route.ts'
import { describeSubjectRoute, readSubjectFileRoute, recordEventRoute } from './subjects.ts'
import { readTrailRoute } from './trail.ts'

/** Everything that the door answers. What is not offered has no route. */
export const routes: readonly Route[] = [
  describeSubjectRoute,
  readSubjectFileRoute,
  recordEventRoute,
  depositRoute,
  listDocumentsRoute,
  describeDocumentRoute,
  openDocumentRoute,
  eraseDocumentRoute,
  readCertificateRoute,
  listHoldsRoute,
  placeHoldRoute,
  describeHoldRoute,
  releaseHoldRoute,
  askPurgeRoute,
  listPurgeRunsRoute,
  describePurgeRunRoute,
  listPurgeItemsRoute,
  approvePurgeRoute,
  confirmClockRoute,
  listReviewsRoute,
  takeReviewRoute,
  giveBackReviewRoute,
  decideReviewRoute,
  overrideReviewRoute,
  readTrailRoute,
  askApprovalRoute,
  listApprovalsRoute,
  describeApprovalRoute,
  voteApprovalRoute,
  listCallersRoute,
  addCallerRoute,
  revokeCallerRoute,
  denyTokenRoute,
  listKeysRoute,
  askRotationRoute,
  limitsRoute,
  livezRoute,
  readyzRoute,
  openApiRoute(() => routes),
  ...docsRoutes,
  problemsRoute,
  problemRoute,
]

/**
 * Stops the start when a route is not judged: it needs an action that has a row in the role matrix, or a reason why it is
 * public, never both.
 *
 * @throws {Error} naming the route
 */
export function requireJudged(all: readonly Route[]): void {
  const seen = new Set<string>()
  for (const route of all) {
    const name = `${route.method.toUpperCase()} ${route.path}`
    const { action, public: reason } = route as { readonly action?: unknown; readonly public?: unknown }
    if (seen.has(name)) throw new Error(`${name} stands twice in the table of routes`)
    seen.add(name)
    if (action !== undefined && reason !== undefined) throw new Error(`${name} is both guarded and public`)
    if (typeof reason === 'string' && reason.length > 0) continue
    if (typeof action !== 'string') throw new Error(`${name} has no action`)
    const row = Object.hasOwn(matrix, action) ? matrix[action as Action] : {}
    if (Object.keys(row).length === 0) throw new Error(`${name}: the action ${action} has no row in the role matrix`)
  }
}
