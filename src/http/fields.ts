import type { z } from 'zod'
import { VaultError } from '../domain/errors.ts'

const mostProblems = 10
const plainName = /^_{0,2}[a-z][A-Za-z0-9_-]{0,31}$/

/**
 * Parses what a client sent by a strict schema.
 *
 * @throws {VaultError} field.unknown - a key that is not in the schema; `problems` names ten fields at most, never a value
 * @throws {VaultError} field.invalid - anything else
 */
export function parseFields<Schema extends z.ZodType>(schema: Schema, sent: unknown): z.output<Schema> {
  const result = schema.safeParse(sent, { reportInput: false })
  if (result.success) return result.data
  const { issues } = result.error
  const unknown = issues.find(issue => issue.code === 'unrecognized_keys')
  const problems = issues.flatMap(problemsIn).slice(0, mostProblems)
  throw new VaultError(unknown ? 'field.unknown' : 'field.invalid', { problems })
}

/** Zod's own words for unknown keys repeat them as they came, and they are the client's text. */
function problemsIn(issue: z.core.$ZodIssue) {
  const path = issue.path.map(String)
  if (issue.code !== 'unrecognized_keys') return [{ field: path.join('.'), message: issue.message }]
  return issue.keys.map(key => ({ field: [...path, shownName(key)].join('.'), message: 'Unknown field.' }))
}

/** A name that could be a field's is told back; whatever else a client may have put there is its own business. */
function shownName(name: string): string {
  return plainName.test(name) ? name : '?'
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
  const names = Object.keys(sent).slice(0, mostProblems)
  if (names.length === 0) return undefined
  const message = 'This route takes no parameters.'
  throw new VaultError('field.unknown', { problems: names.map(name => ({ field: shownName(name), message })) })
}
