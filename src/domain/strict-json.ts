import { VaultError } from './errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * JSON as RFC 8259 has it, made unambiguous: UTF-8 without a byte order mark, no key twice in one object, at most `maxDepth` levels.
 *
 * @throws {VaultError} body.malformed - not UTF-8, not JSON, or nested too deeply
 * @throws {VaultError} body.duplicate-key - readers disagree on which of two equal keys counts
 */
export function parseStrictJson(bytes: Uint8Array | string, maxDepth: number): unknown {
  const text = decode(bytes)
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new VaultError('body.malformed', {}, error)
  }
  refuseAmbiguity(text, maxDepth)
  return parsed
}

function decode(bytes: Uint8Array | string): string {
  if (typeof bytes === 'string') return bytes
  try {
    return utf8.decode(bytes)
  } catch (error) {
    throw new VaultError('body.malformed', {}, error)
  }
}

/** Walks a text that is known to be JSON: only brackets, strings and what follows them matter. */
function refuseAmbiguity(text: string, maxDepth: number): void {
  /** Keys seen in each open object; undefined for an open array. */
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '{' || char === '[') {
      if (open.push(char === '{' ? new Set() : undefined) > maxDepth) {
        throw new VaultError('body.malformed', { limit: maxDepth })
      }
    } else if (char === '}' || char === ']') {
      open.pop()
    } else if (char === '"') {
      const end = endOfString(text, at)
      const keys = open.at(-1)
      if (keys && isKey(text, end)) addKey(keys, JSON.parse(text.slice(at, end + 1)) as string)
      at = end
    }
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

/** A string of an object is a key exactly when a colon follows. */
function isKey(text: string, end: number): boolean {
  let at = end + 1
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return text[at] === ':'
}

function addKey(keys: Set<string>, key: string): void {
  if (keys.has(key)) throw new VaultError('body.duplicate-key')
  keys.add(key)
}

const reserved: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Members whose names are more than names to some readers of JSON in this language: who takes any name must refuse these.
 *
 * @param json as parsed; nested no deeper than `parseStrictJson` lets it be
 * @returns the path of each, with dots between, in the order of the text
 */
export function reservedNames(json: unknown, path: readonly string[] = []): readonly string[] {
  if (typeof json !== 'object' || json === null) return []
  return Object.entries(json).flatMap(([name, value]) => {
    const at = [...path, name]
    return [...(reserved.has(name) ? [at.join('.')] : []), ...reservedNames(value, at)]
  })
}
