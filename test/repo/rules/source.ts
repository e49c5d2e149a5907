import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** One file of the project; `path` is from the top level, with forward strokes. */
export interface Source {
  readonly path: string
  readonly text: string
}

/** A rule names every place where a source breaks it; an empty answer is obedience. */
export type Rule = (source: Source) => readonly string[]

export const top = fileURLToPath(new URL('../../../', import.meta.url))

/** Files of the project that match, ascending; node_modules and data folders are never among them. */
export function sourcesOf(...patterns: readonly string[]): readonly Source[] {
  return globSync(patterns, { cwd: top, exclude: ['**/node_modules/**', 'vault-data*/**'] })
    .map(path => path.replaceAll('\\', '/'))
    .sort()
    .map(path => ({ path, text: readFileSync(`${top}${path}`, 'utf8') }))
}

/** The folder below `src`, or the file's own name for the files that stand in `src` itself. */
export function roomOf(path: string): string {
  const [, room = '', inside] = path.split('/')
  return inside === undefined ? room.replace(/\.[jt]s$/, '') : room
}

const token =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[=(,:[!&|?{};\n>]\s*|\breturn\s+)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[dgimsuvy]*/g

const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ')

/** The text with comments blanked out; strings stay, positions and lines stay. */
export function withoutComments(text: string): string {
  return text.replaceAll(token, found => (found.startsWith('//') || found.startsWith('/*') ? blank(found) : found))
}

/** The text with comments, strings, templates and patterns blanked out: what is left is code. */
export function codeOnly(text: string): string {
  return text.replaceAll(token, blank)
}

/** `path:line: what`, for the first character of a match. */
export function at(source: Source, index: number, what: string): string {
  return `${source.path}:${source.text.slice(0, index).split('\n').length}: ${what}`
}

/** Every match of a global pattern in `text`, as places in `source`. */
export function matches(source: Source, text: string, pattern: RegExp, what: string): readonly string[] {
  return [...text.matchAll(pattern)].map(found => at(source, found.index, what))
}
