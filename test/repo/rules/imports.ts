import { posix } from 'node:path'
import { at, type Rule, roomOf, type Source, withoutComments } from './source.ts'

/** One import, type imports included; also a file named by URL, as workers and child processes are. */
export interface Import {
  readonly to: string
  readonly typeOnly: boolean
  /** Loaded only when the program comes by. */
  readonly late: boolean
  readonly index: number
}

const statement = /^[ \t]*(?:import|export)\b(\s+type\b)?(?:[^'";]*?\bfrom)?\s*['"]([^'"]+)['"]/gm
const call = /\bimport\(\s*(?:['"]([^'"]+)['"]\s*\))?/g
const byUrl = /new URL\(\s*['"](\.[^'"]*\.ts)['"],\s*import\.meta\.url/g

export function importsOf(source: Source): readonly Import[] {
  const text = withoutComments(source.text)
  const statements = [...text.matchAll(statement)].map(found => ({
    to: found[2] ?? '',
    typeOnly: found[1] !== undefined,
    late: false,
    index: found.index,
  }))
  const calls = [...text.matchAll(call), ...text.matchAll(byUrl)].map(found => ({
    to: found[1] ?? '(a computed name)',
    typeOnly: false,
    late: true,
    index: found.index,
  }))
  return [...statements, ...calls]
}

const capabilities = ['intake', 'access', 'review', 'retention', 'trail', 'upkeep'] as const
const verbs = ['domain', 'ports', 'guards'] as const

/**
 * The table of directions: a room imports itself and the rooms named here, nothing else. `main` is the top: it
 * finds the command; `compose` joins backing and guards, so that verbs are only ever
 * called on gated ports, and `commands` ask `backing` itself only for looks at the folders below them.
 */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  ports: ['domain'],
  guards: ['domain', 'ports'],
  ...Object.fromEntries(capabilities.map(room => [room, verbs])),
  http: [...verbs, 'intake', 'access', 'review', 'retention', 'trail'],
  jobs: [...verbs, ...capabilities],
  adapters: ['domain', 'ports'],
  settings: [],
  config: ['domain', 'settings'],
  'settings-check': ['domain', 'adapters', 'config', 'production-check'],
  'production-check': ['domain', 'adapters', 'config'],
  'production-stores': ['domain', 'ports', 'adapters', 'config'],
  'production-keys': ['domain', 'adapters', 'config'],
  'embedded-stores': ['domain', 'ports', 'adapters', 'config', 'production-stores'],
  backing: [
    'domain',
    'ports',
    'adapters',
    'config',
    'embedded-stores',
    'production-keys',
    'production-stores',
    'settings-check',
  ],
  compose: [...verbs, 'backing', 'config'],
  commands: [...verbs, ...capabilities, 'http', 'jobs', 'settings', 'config', 'settings-check', 'backing', 'compose'],
  main: ['domain', 'commands'],
}

/** Which of Node's own modules a room may load; a room that is not named may load any. */
export const mayUseNode: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  ports: [],
  guards: ['node:crypto', 'node:stream'],
  ...Object.fromEntries(capabilities.map(room => [room, []])),
  jobs: [],
}

/** Which packages a room may load; a room that is not named may load none. */
export const mayUsePackage: Readonly<Record<string, readonly string[]>> = {
  http: ['express', 'multer', 'helmet', 'zod', 'zod-openapi', 'swagger-ui-dist', 'prom-client'],
  settings: ['zod'],
  config: ['zod'],
  jobs: ['croner'],
  adapters: [
    'croner',
    'file-type',
    'jose',
    'pino',
    'sharp',
    'zod',
    'mongoose',
    '@aws-sdk/client-s3',
    '@aws-sdk/client-kms',
    '@smithy/node-http-handler',
  ],
}

/** Imports point down: type imports count, and so do files named by URL. */
export const importsPointDown: Rule = source => {
  const from = roomOf(source.path)
  const allowed = mayImport[from]
  if (allowed === undefined) return [`${source.path}: the room ${from} is not in the table of directions`]
  return importsOf(source).flatMap(({ to, index }) => {
    if (!to.startsWith('.')) return []
    const target = posix.join(posix.dirname(source.path), to)
    if (!target.startsWith('src/')) return aboveTheHouse(source, target, index)
    const room = roomOf(target)
    return room === from || allowed.includes(room) ? [] : [at(source, index, `${from} may not import ${room} (${to})`)]
  })
}

/** The version stands in package.json and nowhere else; the tenants' files are data that only adapters and main read. */
function aboveTheHouse(source: Source, target: string, index: number): readonly string[] {
  return target === 'package.json' ? [] : [at(source, index, `${target} lies outside of src`)]
}

/** Node's modules and packages, each only in the rooms that may know them; nothing is loaded by a computed name. */
export const outsideKnown: Rule = source => {
  const room = roomOf(source.path)
  return importsOf(source).flatMap(({ to, index }) => {
    if (to.startsWith('.')) return []
    if (to.startsWith('(')) return [at(source, index, 'imports a computed name')]
    if (to.startsWith('node:')) {
      const allowed = mayUseNode[room]
      return allowed === undefined || allowed.includes(to) ? [] : [at(source, index, `${room} may not use ${to}`)]
    }
    const name = to.startsWith('@') ? to.split('/').slice(0, 2).join('/') : (to.split('/')[0] ?? to)
    return (mayUsePackage[room] ?? []).includes(name)
      ? []
      : [at(source, index, `${room} may not use the package ${name}`)]
  })
}

/** Files of the door that are themselves loaded only once somebody asks for them. */
const loadedLate = ['src/http/metrics.ts', 'src/http/answer-metrics.ts', 'src/http/purge-metrics.ts']

/** The start waits for no verb: `guarded` loads it by `import()`. Types cost nothing. */
export const verbsAreLoadedLate: Rule = source =>
  roomOf(source.path) !== 'http' || loadedLate.includes(source.path)
    ? []
    : importsOf(source)
        .filter(({ to, typeOnly, late }) => !typeOnly && !late && isVerb(posix.join(posix.dirname(source.path), to)))
        .map(({ to, index }) => at(source, index, `waits for a verb at the start (${to})`))

function isVerb(path: string): boolean {
  return capabilities.some(room => path.startsWith(`src/${room}/`))
}

/** Ports are promises: they import types and hold no code that runs, but for an error or a constant of their own. */
export const portsImportTypes: Rule = source =>
  importsOf(source)
    .filter(({ typeOnly }) => !typeOnly)
    .map(({ to, index }) => at(source, index, `a port imports only types, and this loads ${to}`))

/** The embedded vault's folder is one thing of several technologies: what looks at it as a whole knows the names of its files. */
const knownNames: Readonly<Record<string, string>> = {
  'src/adapters/embedded-inspection.ts': 'src/adapters/sqlite-schema.ts',
}

/** An adapter's technology: the first word of its file name; `child-pdfs` is the door to the pdf files. */
function technologyOf(path: string): string {
  const name = posix.basename(path)
  return name === 'child-pdfs.ts' ? 'pdf' : (name.split('-')[0] ?? name)
}

/**
 * Adapters are strangers: none imports another. Files of one technology may share what implements no port, such as the one
 * SQLite thread. `ports` are the port names; `portsOf` tells which of them a file implements.
 */
export function adaptersAreStrangers(sources: readonly Source[]): readonly string[] {
  const implementing = new Set(
    sources
      .filter(({ text }) => /\bclass\s+\w+\s+implements\b/.test(text) && /from '\.\.\/ports\//.test(text))
      .map(({ path }) => path),
  )
  return sources.flatMap(source =>
    importsOf(source).flatMap(({ to, index }) => {
      if (!to.startsWith('./')) return []
      const target = posix.join(posix.dirname(source.path), to)
      if (knownNames[source.path] === target) return []
      if (technologyOf(target) !== technologyOf(source.path))
        return [at(source, index, `an adapter imports another technology (${to})`)]
      return implementing.has(target) ? [at(source, index, `an adapter imports another adapter (${to})`)] : []
    }),
  )
}
