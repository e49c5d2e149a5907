/** What the subset of YAML below can say. */
export type Plain = string | readonly Plain[] | { readonly [name: string]: Plain }

interface Line {
  readonly indent: number
  readonly text: string
}

/**
 * Reads the plain part of YAML that the project's own files keep to: maps, lists of scalars or of maps, strings with or without double
 * quotes, `{}`, whole-line comments. Anything else throws, so that a file is never half understood.
 */
export function readPlainYaml(text: string): Plain {
  const lines = text
    .split('\n')
    .filter(line => line.trim() !== '' && !line.trim().startsWith('#'))
    .map(line => ({ indent: line.length - line.trimStart().length, text: line.trim() }))
  const { value, rest } = readBlock(lines, 0)
  if (rest.length > 0) throw new Error(`not understood: ${rest[0]?.text}`)
  return value
}

function readBlock(lines: readonly Line[], indent: number): { value: Plain; rest: readonly Line[] } {
  return lines[0]?.text.startsWith('- ') ? readList(lines, indent) : readMap(lines, indent)
}

function readList(lines: readonly Line[], indent: number): { value: Plain; rest: readonly Line[] } {
  if (isMap(lines[0]?.text.slice(2) ?? '')) return readListOfMaps(lines, indent)
  const end = lines.findIndex(line => line.indent !== indent || !line.text.startsWith('- '))
  const items = end < 0 ? lines : lines.slice(0, end)
  return { value: items.map(({ text }) => scalar(text.slice(2))), rest: end < 0 ? [] : lines.slice(end) }
}

const isMap = (text: string): boolean => /^[A-Za-z0-9_-]+:(?: |$)/.test(text)

/** The first member of each map stands behind its dash, the others below it. */
function readListOfMaps(lines: readonly Line[], indent: number): { value: Plain; rest: readonly Line[] } {
  const items: Plain[] = []
  let rest = lines
  for (let line = rest[0]; line?.indent === indent && line.text.startsWith('- '); line = rest[0]) {
    const item = readMap([{ indent: indent + 2, text: line.text.slice(2) }, ...rest.slice(1)], indent + 2)
    items.push(item.value)
    rest = item.rest
  }
  return { value: items, rest }
}

function readMap(lines: readonly Line[], indent: number): { value: Plain; rest: readonly Line[] } {
  const map: Record<string, Plain> = {}
  let rest = lines
  for (let line = rest[0]; line && line.indent === indent; line = rest[0]) {
    const [, name, inline] = /^([A-Za-z0-9_-]+):(?: (.+))?$/.exec(line.text) ?? []
    if (name === undefined || Object.hasOwn(map, name)) throw new Error(`not understood: ${line.text}`)
    rest = rest.slice(1)
    if (inline !== undefined) {
      map[name] = scalar(inline)
      continue
    }
    const inner = rest[0]
    if (!inner || inner.indent <= indent) throw new Error(`nothing below: ${line.text}`)
    const block = readBlock(rest, inner.indent)
    map[name] = block.value
    rest = block.rest
  }
  return { value: map, rest }
}

function scalar(text: string): Plain {
  if (text === '{}') return {}
  if (text.startsWith('"')) return JSON.parse(text)
  if (/^[[{&*!|>'%@`]/.test(text) || text.includes(': ') || text.includes(' #'))
    throw new Error(`not understood: ${text}`)
  return text
}
