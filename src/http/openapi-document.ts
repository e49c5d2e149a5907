import { z } from 'zod'
import type {
  ZodOpenApiObject,
  ZodOpenApiOperationObject,
  ZodOpenApiPathsObject,
  ZodOpenApiResponsesObject,
} from 'zod-openapi'
import type { ErrorCode } from '../domain/errors.ts'
import { idPatterns } from '../domain/ids.ts'
import { limits } from '../domain/media.ts'
import { processRoles } from '../domain/process-role.ts'
import { problems } from './problems.ts'
import type { AnswerShape, GuardedRoute, Route, RouteHeader } from './route.ts'
import { problemView } from './schemas.ts'
import { isServed } from './served-by.ts'

/** @returns the OpenAPI 3.1 document as JSON text */
export async function describe(routes: readonly Route[], version: string): Promise<string> {
  const { createDocument } = await import('zod-openapi')
  const document = createDocument({
    openapi: '3.1.0',
    info: {
      title: 'KYC document vault',
      version,
      description:
        'Identity papers, sealed; seen only by the few who must, for a stated purpose, and logged at every look. ' +
        'Errors are application/problem+json; their codes are listed at /problems, the limits at /v1/limits.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths: pathsOf(routes),
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key: kv_<keyId>_<secret>.' },
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'A token of an issuer of the platform, good for at most 15 minutes; where the operator set one up.',
        },
        secondPerson: {
          type: 'apiKey',
          in: 'header',
          name: 'Vault-Second-Authorization',
          description: 'Bearer and the API key or token of another person, who stands beside the caller.',
        },
      },
    },
  } satisfies ZodOpenApiObject)
  return JSON.stringify(document, undefined, 2)
}

function pathsOf(routes: readonly Route[]): ZodOpenApiPathsObject {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {}
  for (const route of routes) {
    paths[route.path] ??= {}
    Object.assign(paths[route.path] ?? {}, { [route.method]: operationOf(route) })
  }
  return paths
}

function operationOf(route: Route): ZodOpenApiOperationObject {
  const shared = {
    operationId: route.id,
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    tags: [route.path.startsWith('/v1/') ? (route.path.split('/')[2] ?? '') : 'about'],
  }
  if (!('action' in route)) {
    const params = route.path.includes('{code}') ? { requestParams: { path: z.object({ code: z.string() }) } } : {}
    return {
      ...shared,
      security: [],
      ...params,
      responses: responsesOf(route.answers, [...elsewhere(route), ...route.refusals]),
    }
  }
  const second = route.headers?.includes('Vault-Second-Authorization')
  const headers = headersOf(route)
  return {
    ...shared,
    security: ['key', 'token'].map(scheme => ({ [scheme]: [], ...(second ? { secondPerson: [] } : {}) })),
    requestParams: {
      ...(route.params ? { path: route.params } : {}),
      ...(route.query ? { query: route.query } : {}),
      ...(headers ? { header: headers } : {}),
    },
    ...bodyOf(route),
    responses: responsesOf(route.answers, [
      ...everyRoute,
      ...elsewhere(route),
      ...refusalsOfShape(route),
      ...route.refusals,
      ...refusalsOfHeaders(route),
    ]),
  }
}

const everyRoute: readonly ErrorCode[] = [
  'request.malformed',
  'field.unknown',
  'field.invalid',
  'credential.missing',
  'credential.invalid',
  'role.not-allowed',
  'role.not-own',
  'tenant.rule',
  'budget.denials',
  'request.headers-too-large',
  'trail.unavailable',
  'trail.diverged',
  'ledger.unavailable',
  'issuer.unavailable',
  'vault.stopping',
  'unexpected',
]

/** What a process answers that does not serve the route. */
function elsewhere(route: Route): readonly ErrorCode[] {
  return processRoles.every(role => isServed(route, [role])) ? [] : ['request.misdirected']
}

function refusalsOfShape(route: GuardedRoute): readonly ErrorCode[] {
  const keyed: readonly ErrorCode[] = route.headers?.includes('Idempotency-Key') ? ['idempotency.missing'] : []
  if (!route.body) return keyed
  const body = ['body.malformed', 'body.duplicate-key', 'body.too-large', 'body.truncated', 'body.media-type'] as const
  return [...keyed, ...body, 'request.timeout']
}

/** What every route answers that heeds a header: what the header names may not fit. */
function refusalsOfHeaders({ headers = [] }: GuardedRoute): readonly ErrorCode[] {
  const beside = [
    'role.second-person',
    'approval.unknown',
    'approval.pending',
    'approval.ended',
    'approval.other',
  ] as const
  const keyed = ['idempotency.in-flight', 'idempotency.conflict'] as const
  return [...(headers.includes('Vault-Approval') ? beside : []), ...(headers.includes('Idempotency-Key') ? keyed : [])]
}

// The part meta has no declared encoding: tools would send it as a file of its own media type.
const filePart = z.any().meta({ override: { type: 'string', format: 'binary' } })

function bodyOf({ body }: GuardedRoute): Pick<ZodOpenApiOperationObject, 'requestBody'> {
  if (body === undefined) return {}
  const content =
    'json' in body
      ? { 'application/json': { schema: body.json } }
      : { 'multipart/form-data': { schema: z.object({ meta: body.multipart, file: filePart }) } }
  return { requestBody: { required: true, content } }
}

const asked: Readonly<Partial<Record<RouteHeader, z.ZodType>>> = {
  'Idempotency-Key': z.string().min(1).max(limits.idempotency.maxKeyCharacters).meta({
    description: 'New for each new intent; a repeated request carries the same one and gets the first answer.',
  }),
  'Vault-Approval': z
    .string()
    .regex(idPatterns.uuid)
    .optional()
    .meta({ description: 'An approval that another person granted; instead of one who stands beside.' }),
  'Vault-Purpose': z.string().optional().meta({ description: 'One of the purposes of the platform.', example: 'kyc' }),
  'Vault-Case': z
    .string()
    .regex(idPatterns.caseReference)
    .optional()
    .meta({ description: 'The case, ticket or other reference that the look belongs to.', example: 'case-1' }),
  Range: z.string().optional().meta({ description: 'One range of bytes.', example: 'bytes=0-1023' }),
  'If-Range': z.string().optional(),
  'If-None-Match': z.string().optional(),
}

/** The second credential is a security scheme, not a parameter. */
function headersOf({ headers = [] }: GuardedRoute): z.ZodObject | undefined {
  const shape = Object.fromEntries(headers.flatMap(name => (asked[name] ? [[name, asked[name]]] : [])))
  return Object.keys(shape).length === 0 ? undefined : z.object(shape)
}

const told = {
  Location: { schema: { type: 'string' }, description: 'Where the result is.' },
  ETag: { schema: { type: 'string' }, description: 'Strong.' },
  'Idempotent-Replayed': { schema: { type: 'string', enum: ['true'] }, description: 'This answer was given before.' },
  'Content-Range': { schema: { type: 'string' } },
  'Vault-Receipt': {
    schema: { type: 'string' },
    description: 'Where the entry of this look stands: "log";index=n;leaf="hash".',
  },
} as const

function responsesOf(
  answers: Readonly<Record<number, AnswerShape>>,
  refusals: readonly ErrorCode[],
): ZodOpenApiResponsesObject {
  const responses: Record<string, object> = {}
  for (const [status, answer] of Object.entries(answers)) responses[status] = answerOf(answer)
  const byStatus = Map.groupBy(new Set(refusals), code => problems[code].status)
  for (const [status, codes] of [...byStatus].sort(([a], [b]) => a - b)) {
    responses[status] ??= {
      description: codes.map(code => `\`${code}\` ${problems[code].title}`).join(' · '),
      content: { 'application/problem+json': { schema: problemView } },
    }
  }
  return responses as ZodOpenApiResponsesObject
}

function answerOf({ description, schema, bytes, media, headers }: AnswerShape): object {
  const named = headers ? { headers: Object.fromEntries(headers.map(name => [name, told[name]])) } : {}
  if (bytes) {
    const kinds = ['image/jpeg', 'image/png', 'image/webp', 'application/pdf']
    const content = Object.fromEntries(kinds.map(kind => [kind, { schema: { type: 'string', format: 'binary' } }]))
    return { description, ...named, content }
  }
  if (media !== undefined) return { description, ...named, content: { [media]: { schema: { type: 'string' } } } }
  return { description, ...named, ...(schema ? { content: { 'application/json': { schema } } } : {}) }
}
