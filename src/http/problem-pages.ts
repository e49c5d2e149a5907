import { z } from 'zod'
import { type ErrorCode, errorCodes, VaultError } from '../domain/errors.ts'
import { problems } from './problems.ts'
import { sendJson } from './respond.ts'
import type { PublicRoute } from './route.ts'

const described = z
  .object({
    type: z.string(),
    code: z.enum(errorCodes),
    status: z.number().int(),
    title: z.string(),
    detail: z.string(),
    retryable: z.boolean(),
  })
  .meta({ id: 'ProblemType' })

const reason = 'documentation of fixed texts'

export const problemsRoute: PublicRoute = {
  method: 'get',
  path: '/problems',
  id: 'listProblems',
  public: reason,
  summary: 'Every code that a problem may carry',
  answers: { 200: { description: 'All of them.', schema: z.object({ items: z.array(described) }) } },
  refusals: [],
  answer: async (_door, _req, res) => sendJson(res, 200, JSON.stringify({ items: errorCodes.map(describe) })),
}

export const problemRoute: PublicRoute = {
  method: 'get',
  path: '/problems/{code}',
  id: 'describeProblem',
  public: reason,
  summary: 'What one code means: the address that a problem gives as its type',
  answers: { 200: { description: 'The code.', schema: described } },
  refusals: ['request.not-found'],
  answer: async (_door, req, res) => {
    const code = errorCodes.find(known => known === req.params.code)
    if (code === undefined) throw new VaultError('request.not-found')
    sendJson(res, 200, JSON.stringify(describe(code)))
  },
}

function describe(code: ErrorCode) {
  const { status, title, detail, retryable } = problems[code]
  return { type: `/problems/${code}`, code, status, title, detail, retryable: retryable ?? false }
}
