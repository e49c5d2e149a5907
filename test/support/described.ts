import assert from 'node:assert/strict'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe } from '../../src/http/openapi-document.ts'
import { routes } from '../../src/http/routes.ts'

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}
interface Operation {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>
}

let loaded: Promise<{ document: Document; ajv: Ajv2020 }> | undefined

async function load() {
  const document = JSON.parse(await describe(routes, 'test')) as Document
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema(document, 'openapi')
  return { document, ajv }
}

/** Fails unless the answer is one that the OpenAPI document promises for this method, path, status and media type. */
export async function assertDescribed(method: string, path: string, answer: Described): Promise<void> {
  loaded ??= load()
  const { document, ajv } = await loaded
  const template = Object.keys(document.paths).find(known => matches(known, path))
  if (template === undefined) return assertProblem(ajv, answer)
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase()
  const operation = document.paths[template]?.[verb]
  if (operation === undefined) return assertProblem(ajv, answer)
  const response = operation.responses[answer.status]
  const name = `${method} ${template} ${answer.status} ${answer.body}`
  assert.ok(response, `not described: ${name}`)
  if (answer.body === '' || answer.body === undefined) return
  const media = answer.media.split(';')[0] ?? ''
  assert.ok(response.content && media in response.content, `media type ${media} not described: ${name}`)
  if (!media.endsWith('json')) return
  const at = ['paths', template, verb, 'responses', String(answer.status), 'content', media, 'schema']
  check(ajv, `openapi#/${at.map(pointer).join('/')}`, answer.body, name)
}

export interface Described {
  readonly status: number
  readonly media: string
  /** Undefined for bytes of a paper. */
  readonly body: string | undefined
}

function assertProblem(ajv: Ajv2020, { status, media, body }: Described): void {
  assert.equal(media, 'application/problem+json', `${status} ${body}`)
  if (body) check(ajv, 'openapi#/components/schemas/Problem', body, `problem ${status}`)
}

const compiled = new Map<string, ValidateFunction>()

function check(ajv: Ajv2020, $ref: string, body: string, name: string): void {
  const validate = compiled.get($ref) ?? ajv.compile({ $ref })
  compiled.set($ref, validate)
  assert.ok(validate(JSON.parse(body)), `${name}: ${ajv.errorsText(validate.errors)}`)
}

function matches(template: string, path: string): boolean {
  const pattern = template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')
  return new RegExp(`^${pattern}$`).test(path.split('?')[0] ?? '')
}

const pointer = (part: string): string => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))
