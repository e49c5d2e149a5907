import type { z } from 'zod'
import { VaultError } from '../domain/errors.ts'

const mostProblems = 10

/**
 * Parses what a client sent by a strict schema.
 *
 * @throws {VaultError} field.unknown - a key that is not in the schema
 * @throws {VaultError} field.invalid - anything else; `problems` names each field, never its value
 */
export function parseFields<Schema extends z.ZodType>(schema: Schema, sent: unknown): z.output<Schema> {
  const result = schema.safeParse(sent, { reportInput: false })
  if (result.success) return result.data
  const { issues } = result.error
  const unknown = issues.find(issue => issue.code === 'unrecognized_keys')
  const problems = issues.slice(0, mostProblems).map(issue => ({
    field: issue.path.map(String).join('.'),
    // Zod's own words for unknown keys repeat them, and they are the client's text.
    message: issue.code === 'unrecognized_keys' ? 'Unknown field.' : issue.message,
  }))
  throw new VaultError(unknown ? 'field.unknown' : 'field.invalid', { problems })
}

/**
 * The query string, read simply: `name=value` pairs, each name once, no brackets with a meaning.
 *
 * @throws {VaultError} field.unknown, field.invalid - a parameter that this route does not take, or twice
 */
export function parseQuery<Schema extends z.ZodType>(
  schema: Schema | undefined,
  url: string,
): z.output<Schema> | undefined {
  const at = url.indexOf('?')
  if (at < 0 && !schema) return undefined
  const sent = Object.create(null) as Record<string, string>
  for (const [name, value] of new URLSearchParams(at < 0 ? '' : url.slice(at + 1))) {
    if (name in sent) throw new VaultError('field.invalid', { field: 'query', detail: 'A parameter stands twice.' })
    sent[name] = value
  }
  if (schema) return parseFields(schema, { ...sent })
  if (Object.keys(sent).length === 0) return undefined
  throw new VaultError('field.unknown', { field: 'query', detail: 'This route takes no parameters.' })
}
