/**
 * JSON in its canonical form: one value, one text. Members are sorted by their names' UTF-16 code units, numbers and strings
 * are written as ECMAScript does, and there is no white space.
 *
 * @returns the text; its UTF-8 is the canonical form
 * @throws {TypeError} the value has no JSON form, or a string in it has a lone surrogate
 * @source RFC 8785
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object') throw new TypeError('no JSON value')
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return `{${members.map(([name, member]) => `${quoted(name)}:${canonicalJson(member)}`).join(',')}}`
}

function quoted(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('lone surrogate')
  return JSON.stringify(text)
}

const ascii = /^\p{ASCII}*$/u

/**
 * Why a value may not stand in the trail, whose JSON is narrower than RFC 8785's, so that every verifier in every language
 * reads it alike: names in ASCII, strings in NFC, safe integers, booleans, arrays, objects; no null and no fraction.
 */
export type Unfit = 'name' | 'string' | 'number' | 'kind'

/** The first thing that the trail's JSON does not know in `value`, at any depth; undefined when it may stand there. */
export function unfitForTrail(value: unknown): Unfit | undefined {
  switch (typeof value) {
    case 'boolean':
      return undefined
    case 'string':
      return isNormal(value) ? undefined : 'string'
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? undefined : 'number'
    case 'object':
      return value === null ? 'kind' : unfitMember(value)
    default:
      return 'kind'
  }
}

function unfitMember(value: object): Unfit | undefined {
  const isList = Array.isArray(value)
  for (const [name, member] of Object.entries(value)) {
    if (!isList && !ascii.test(name)) return 'name'
    const unfit = unfitForTrail(member)
    if (unfit) return unfit
  }
  return undefined
}

/** Well-formed UTF-16 in normalisation form C. */
export function isNormal(text: string): boolean {
  return ascii.test(text) || (text.isWellFormed() && text.normalize('NFC') === text)
}
