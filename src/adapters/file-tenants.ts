import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { z } from 'zod'
import { VaultError } from '../domain/errors.ts'
import { idPatterns, parseTenantId, type TenantId } from '../domain/ids.ts'
import type { RetentionPolicy } from '../domain/policy.ts'
import { parseStrictJson, reservedNames } from '../domain/strict-json.ts'
import type { Tenant } from '../domain/tenant.ts'
import {
  basesUsed,
  clockProblems,
  contradictionsOf,
  idleBases,
  type Problem,
  versionProblems,
} from './file-tenant-rules.ts'
import {
  byPaperType,
  type EarlierFile,
  earlierSchema,
  soundMembers,
  type TenantFile,
  tenantSchema,
} from './file-tenant-schema.ts'

/** Beside the tenants, for editors. */
const schemaName = 'policy.schema.json'
const mostDepth = 16

/** What a tenant's files say, or every problem of them, each named `<file>: <path>`. */
type Loaded = { readonly tenant: Tenant } | { readonly problems: readonly Problem[] }

/**
 * Reads every `<id>.json` of a folder, in the order of ids, each with its earlier versions `<id>/<version>.json`. A tenant that
 * lacks a basis, a jurisdiction or a licence is among them, and says so in `lacking`.
 *
 * @throws {VaultError} config.invalid - with every problem of every file, each named `<file>: <path>`; or no file at all
 */
export async function loadTenants(folder: string): Promise<ReadonlyMap<TenantId, Tenant>> {
  const { files, stray } = await namesIn(folder)
  const loaded = await Promise.all(files.map(name => loadTenant(join(folder, name))))
  const problems = [...stray, ...loaded.flatMap(one => ('problems' in one ? one.problems : []))]
  if (files.length === 0) problems.push({ field: 'VAULT_TENANTS_DIR', message: 'holds no tenant' })
  if (problems.length > 0) throw new VaultError('config.invalid', { problems })
  return new Map(loaded.flatMap(one => ('tenant' in one ? [[one.tenant.id, one.tenant] as const] : [])))
}

/**
 * Reads one tenant's file, with the earlier versions that lie in the folder of its name beside it.
 * @returns the tenant, or every problem, each named `<file>: <path>`
 */
export async function loadTenant(path: string): Promise<Loaded> {
  const name = basename(path)
  const own = name.replace(/\.json$/, '')
  const [today, earlier] = await Promise.all([
    read(path, name, tenantSchema),
    earlierVersions(path.replace(/\.json$/, ''), own),
  ])
  const policy = today.value
  const clocks = earlier.versions
  const contradictions = [
    ...contradictionsOf(policy ?? soundMembers(today.json), own),
    ...(policy && earlier.problems.length === 0
      ? [...versionProblems(policy, clocks), ...idleBases(policy, clocks)]
      : []),
  ]
  const problems = [...today.problems, ...named(name, contradictions), ...earlier.problems]
  const id = parseTenantId(policy?.id ?? '')
  return policy && id && problems.length === 0 ? { tenant: tenantFrom(id, policy, clocks) } : { problems }
}

/** Tenants' files, and folders of versions that belong to none. */
async function namesIn(folder: string): Promise<{ readonly files: readonly string[]; readonly stray: Problem[] }> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    const files = entries.filter(
      entry => entry.name.endsWith('.json') && entry.name !== schemaName && !entry.isDirectory(),
    )
    const known = new Set(files.map(({ name }) => basename(name, '.json')))
    const stray = entries.filter(
      entry => entry.isDirectory() && idPatterns.tenant.test(entry.name) && !known.has(entry.name),
    )
    return {
      files: files.map(({ name }) => name).sort(),
      stray: stray.map(({ name }) => ({ field: name, message: 'holds versions of a tenant that has no file' })),
    }
  } catch (error) {
    const problems = [{ field: 'VAULT_TENANTS_DIR', message: 'cannot be read' }]
    throw new VaultError('config.invalid', { problems }, error)
  }
}

/** The clocks of a tenant's earlier versions, ascending; none where there is no such folder. */
async function earlierVersions(
  folder: string,
  id: string,
): Promise<{ readonly versions: readonly EarlierFile[]; readonly problems: readonly Problem[] }> {
  let names: readonly string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { versions: [], problems: [] }
    return { versions: [], problems: [{ field: id, message: 'cannot be read' }] }
  }
  const files = await Promise.all(names.map(name => readVersion(folder, id, name)))
  const versions = files.flatMap(({ value }) => (value ? [value] : [])).sort((a, b) => a.version - b.version)
  return { versions, problems: files.flatMap(({ problems }) => problems) }
}

async function readVersion(folder: string, id: string, name: string): Promise<Read<EarlierFile>> {
  const shown = `${id}/${name}`
  const [, number] = /^([1-9][0-9]{0,3})\.json$/.exec(name) ?? []
  if (number === undefined) return { problems: [{ field: shown, message: 'is not named <version>.json' }] }
  const { value, problems } = await read(join(folder, name), shown, earlierSchema)
  if (!value) return { problems }
  const misnamed =
    value.version === Number(number) ? [] : [{ field: 'version', message: 'must be the name of the file' }]
  return { value, problems: named(shown, [...misnamed, ...clockProblems(value)]) }
}

/** `json` where the text is JSON of another form. */
type Read<T> = { readonly value?: T; readonly json?: unknown; readonly problems: readonly Problem[] }

async function read<T>(path: string, shown: string, schema: z.ZodType<T>): Promise<Read<T>> {
  let json: unknown
  try {
    json = parseStrictJson(await readFile(path), mostDepth)
  } catch (error) {
    return { problems: [{ field: shown, message: whyUnread(error) }] }
  }
  const reserved = reservedNames(json).map(field => ({ field, message: 'is no name for a member' }))
  const parsed = schema.safeParse(json, { jitless: true })
  if (parsed.success && reserved.length === 0) return { value: parsed.data, problems: [] }
  const issues = parsed.error?.issues ?? []
  return { json, problems: [...named(shown, reserved), ...issues.map(issue => problemOf(shown, issue))] }
}

function whyUnread(error: unknown): string {
  if (!(error instanceof VaultError)) return 'cannot be read'
  return error.code === 'body.duplicate-key' ? 'is not JSON: names one key twice' : 'is not JSON'
}

function tenantFrom(id: TenantId, policy: TenantFile, earlier: readonly EarlierFile[]): Tenant {
  const { version, name, zone, jurisdiction, licence, purposes, roles, support, holds, purge, residency, decisions } =
    policy
  const regions = Object.entries(residency.regions).map(([region, { safeguard }]) => [region, safeguard] as const)
  return Object.freeze({
    id,
    version,
    name,
    zone,
    papers: byPaperType(policy.papers),
    refused: byPaperType(policy.refused),
    purposes,
    roles,
    support,
    jurisdiction,
    licence,
    bases: new Map(Object.entries(policy.bases)),
    policies: new Map([...earlier, policy].map(clocks => [clocks.version, clocksFrom(clocks)])),
    holds,
    purge,
    residency: { regions: new Map(regions), minPlaces: residency.minPlaces },
    tlsAtLeast: policy.tls.atLeast,
    decisions,
    sources: new Map(Object.entries(policy.sources)),
    lacking: lackingIn(policy, earlier),
    demo: demoIn(policy),
  })
}

function clocksFrom({ version, zone, retention, deletion }: EarlierFile): RetentionPolicy {
  return Object.freeze({ version, zone, rules: byPaperType(retention), deletion })
}

/** What no paper may be taken without, by path. */
function lackingIn(policy: TenantFile, earlier: readonly EarlierFile[]): readonly string[] {
  const bases = [...basesUsed([policy, ...earlier])].filter(name => !Object.hasOwn(policy.bases, name))
  return [
    ...(['jurisdiction', 'licence'] as const).filter(name => policy[name] === undefined),
    ...bases.map(name => `bases.${name}`),
  ]
}

/** References that nobody has confirmed, by path. */
function demoIn({ jurisdiction, licence, bases, residency }: TenantFile): readonly string[] {
  const references = [
    ['jurisdiction', jurisdiction],
    ['licence', licence],
    ...Object.entries(bases).map(([name, { source }]) => [`bases.${name}.source`, source]),
    ...Object.entries(residency.regions).map(([name, { safeguard }]) => [
      `residency.regions.${name}.safeguard`,
      safeguard,
    ]),
  ] as const
  return references.flatMap(([path, text]) =>
    path !== undefined && text !== undefined && /^demo:/i.test(text) ? [path] : [],
  )
}

function named(file: string, problems: readonly Problem[]): readonly Problem[] {
  return problems.map(({ field, message }) => ({ field: `${file}: ${field}`, message }))
}

function problemOf(file: string, issue: z.core.$ZodIssue): Problem {
  const at = issue.path.map(String)
  const message = issue.code === 'unrecognized_keys' ? `holds unknown members: ${issue.keys.join(', ')}` : issue.message
  return { field: `${file}: ${at.join('.') || 'top level'}`, message }
}
