import type { TestEvent } from 'node:test/reporters'

/** One finished test of a file, as one line of JSON. `path` is its suites and its title, outermost first. */
export interface TestLine {
  readonly path: readonly string[]
  readonly out: 'passed' | 'failed' | 'skipped'
  readonly ms: number
  /** The reason of a skip, or what failed, in words. */
  readonly why?: string
}

/**
 * A reporter for `node --test-reporter`: writes a TestLine per test. Suites have no line unless they are skipped or a hook of
 * theirs fails; a parent whose subtests failed has none either, for its subtests have theirs. A test marked `todo` has failed:
 * a promise is not a test.
 */
export async function* reportLines(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const line = lineOf(event)
    if (line) yield `${JSON.stringify(line)}\n`
  }
}

function lineOf(event: TestEvent & { type: 'test:pass' | 'test:fail' }): TestLine | undefined {
  const { name, details, skip, todo } = event.data
  const { classname } = event.data as { readonly classname?: string }
  const path = classname === undefined ? [name] : [classname, name]
  const ms = details.duration_ms
  if (skip !== undefined && skip !== false)
    return { path, out: 'skipped', ms, why: skip === true ? 'no reason given' : skip }
  if (todo !== undefined && todo !== false) return { path, out: 'failed', ms, why: 'marked as todo' }
  if (event.type === 'test:pass') return details.type === 'suite' ? undefined : { path, out: 'passed', ms }
  const { error } = event.data.details
  if ((error as { failureType?: string }).failureType === 'subtestsFailed') return undefined
  return { path, out: 'failed', ms, why: inWords(error) }
}

/** The stack without the frames of Node itself. */
function inWords(error: Error): string {
  const { cause } = error
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : causeInWords(error.message, cause)
  return text.replaceAll(/\n +at [^\n]*\(?node:[^\n]*/g, '')
}

function causeInWords(message: string, cause: unknown): string {
  return typeof cause === 'string' ? `${message}: ${cause}` : message
}

// biome-ignore lint/style/noDefaultExport: node takes a reporter from the default export and nothing else.
export default reportLines
