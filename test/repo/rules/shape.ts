import { posix } from 'node:path'
import { at, type Rule, roomOf, type Source } from './source.ts'

export const warnLines = 250
export const failLines = 300

/** A file holds one idea. */
export const shortFiles: Rule = source => {
  const lines = source.text.split('\n').length - 1
  return lines > failLines ? [`${source.path}: ${lines} lines, at most ${failLines}`] : []
}

const drawers = /^(?:index|helpers?|utils?|common|misc|shared|base|manager|service|types|data|info)\.ts$/
const kebab = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.contract)?\.ts$|^main\.js$/

/** kebab-case, named for the one thing inside; no drawers. */
export const namedForWhatItHolds: Rule = source => {
  const name = posix.basename(source.path)
  if (!kebab.test(name)) return [`${source.path}: the name is not kebab-case`]
  return drawers.test(name) ? [`${source.path}: a drawer, not an idea`] : []
}

/** Nouns are nouns: no I-prefix, no Impl, Service, Manager, Helper, Util or Base. */
export const plainNouns: Rule = source =>
  [...source.text.matchAll(/^export (?:abstract )?(?:class|interface|type) (\w+)/gm)]
    .filter(([, name = '']) => /^I[A-Z][a-z]|(?:Impl|Service|Manager|Helper|Utils?|Base)$/.test(name))
    .map(({ index, 1: name }) => at(source, index, `the name ${name} says nothing`))

const verbs = ['intake', 'access', 'review', 'retention', 'trail', 'upkeep']
const documented = ['domain', 'ports', 'guards', ...verbs]
const exported = /^export (?:declare )?(?:async )?(function\*?|const|class|interface|type|abstract class) (\w+)/

/**
 * Every export of the floors, and every exported function of a capability, says what its type cannot. A docstring covers the
 * group of one-line exports that it stands on, up to the next empty line, and what is derived by `typeof`.
 */
export const exportsAreDocumented: Rule = source => {
  const room = roomOf(source.path)
  if (!documented.includes(room)) return []
  const lines = source.text.split('\n')
  return lines.flatMap((line, number) => {
    const found = exported.exec(line)
    if (!found || (verbs.includes(room) && !found[1]?.startsWith('function'))) return []
    if (/\(typeof \w+\)\[number\]|= keyof typeof /.test(line)) return []
    return isDocumented(lines, number) ? [] : [`${source.path}:${number + 1}: ${found[2]} has no docstring`]
  })
}

function isDocumented(lines: readonly string[], number: number): boolean {
  let above = number - 1
  while (/^\s*\/\/|^declare const \w+: unique symbol|^export (?:const|type) .*[^{[(]$/.test(lines[above] ?? '')) above--
  return (lines[above] ?? '').trimEnd().endsWith('*/')
}

/** Every room says in at most 30 lines what it is for, what it may import and the one invariant that it keeps. */
export function roomsExplainThemselves(rooms: readonly string[], readmes: readonly Source[]): readonly string[] {
  return rooms.flatMap(room => {
    const readme = readmes.find(({ path }) => path === `src/${room}/README.md`)
    if (!readme) return [`src/${room}: no README.md`]
    const lines = readme.text.trimEnd().split('\n').length
    return lines > 30 ? [`${readme.path}: ${lines} lines, at most 30`] : []
  })
}

const topLevel = new Set([
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'src', 'test', 'infra', 'Dockerfile', 'docker-compose.yml'],
  ...['README.md', 'DECISIONS.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'],
])
/** Made by running, named in .gitignore. */
const made = new Set(['node_modules', 'vault-data', 'vault-data-keys'])

/** The top level holds exactly what the plan of the house names; dot files are free. */
export function topLevelIsTidy(names: readonly string[]): readonly string[] {
  const found = names.filter(name => !name.startsWith('.') && !made.has(name))
  return [
    ...found.filter(name => !topLevel.has(name)).map(name => `${name} does not belong on the top level`),
    ...[...topLevel].filter(name => !found.includes(name)).map(name => `${name} is missing from the top level`),
  ]
}

/** Every code is thrown or told somewhere, and the problem table documents it. */
export function codesAreUsed(codes: readonly string[], sources: readonly Source[]): readonly string[] {
  const lists = ['src/domain/errors.ts', 'src/http/problems.ts']
  const others = sources.filter(({ path }) => !lists.includes(path)).map(({ text }) => text)
  const table = sources.find(({ path }) => path === 'src/http/problems.ts')?.text ?? ''
  return codes.flatMap(code => [
    ...(others.some(text => text.includes(`'${code}'`)) ? [] : [`${code} is used nowhere`]),
    ...(table.includes(`${code}'`) || table.includes(`${code}:`) ? [] : [`${code} is not in the problem table`]),
  ])
}
