import { z } from 'zod'
import { sendJson } from './respond.ts'
import type { PublicRoute, Route } from './route.ts'

/**
 * The document is made on the first request for it, of the schemas that validate; neither the library nor the work is paid at
 * start.
 *
 * @param routes all of them, this one included
 */
export function openApiRoute(routes: () => readonly Route[]): PublicRoute {
  let made: Promise<string> | undefined
  return {
    method: 'get',
    path: '/openapi.json',
    id: 'openapi',
    public: 'documentation of fixed texts',
    summary: 'This document',
    answers: { 200: { description: 'OpenAPI 3.1.', schema: z.record(z.string(), z.unknown()) } },
    refusals: [],
    answer: async (door, _req, res) => {
      made ??= import('./openapi-document.ts').then(({ describe }) => describe(routes(), door.version))
      sendJson(res, 200, await made)
    },
  }
}
