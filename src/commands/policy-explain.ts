import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { explainPolicy, type Said } from '../domain/explained-policy.ts'
import { type PaperType, paperTypes } from '../domain/media.ts'
import type { Tenant } from '../domain/tenant.ts'
import { loadTenants } from '../settings-check.ts'
import { type Command, exit, print, UsageError } from './command.ts'

const lineLength = 110
const margin = 12

export const policyExplain: Command = {
  summary: 'say in plain words what will happen to a paper, when, and why',
  help: [
    'Usage: policy explain TENANT TYPE [--closed DATE] [--asked DATE] [--version N]',
    '',
    "Prints what a tenant's policy promises of a type of paper (id, address, selfie, payment_ownership): how long it is kept,",
    'under which legal basis and source, what a request to be deleted makes of it, what may hold it, how it is destroyed, and',
    "what was decided where promises contradict each other. It reads the tenants' files and no paper.",
    '  --closed DATE   suppose that the account was closed on this day, YYYY-MM-DD in the zone of the tenant',
    '  --asked DATE    suppose that the person asked to be deleted on this day',
    "  --version N     suppose that the paper came under this version of the policy, not under today's",
  ].join('\n'),
  async run(args) {
    const day = { type: 'string' } as const
    const options = { closed: day, asked: day, version: day } as const
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
    const [id, type, ...more] = positionals
    if (id === undefined || type === undefined || more.length > 0) throw new UsageError('Name a TENANT and a TYPE.')
    const tenants = [...(await loadTenants(readConfig())).values()]
    const tenant = tenants.find(one => one.id === id)
    if (!tenant) throw new UsageError(`There is no tenant ${id}; there are ${tenants.map(one => one.id).join(', ')}.`)
    const version = values.version === undefined ? tenant.version : Number(values.version)
    if (!tenant.policies.has(version)) throw new UsageError(`${id} has no version ${values.version}.`)
    const said = explainPolicy(tenant, {
      type: typeFrom(type),
      version,
      ...(values.closed === undefined ? {} : { closedAtMs: noonOf(values.closed, tenant.zone) }),
      ...(values.asked === undefined ? {} : { askedAtMs: noonOf(values.asked, tenant.zone) }),
    })
    print(said ? page(tenant, type, said) : refusalOf(tenant, typeFrom(type)))
    return exit.ok
  },
}

function typeFrom(text: string): PaperType {
  const type = paperTypes.find(known => known === text)
  if (type) return type
  throw new UsageError(`There is no paper ${text}; there are ${paperTypes.join(', ')}.`)
}

/** A time of that day; which one makes no difference, since days are counted. */
function noonOf(text: string, zone: string): number {
  try {
    const day = Temporal.PlainDate.from(/^\d{4}-\d{2}-\d{2}$/.test(text) ? text : '', { overflow: 'reject' })
    return day.toZonedDateTime({ timeZone: zone, plainTime: '12:00' }).epochMilliseconds
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`${text} is no day: YYYY-MM-DD.`)
    throw error
  }
}

function refusalOf({ id, refused }: Tenant, type: PaperType): string {
  return `${id} takes no ${type}. ${refused.get(type) ?? ''}`.trim()
}

function page({ id, name, version, zone }: Tenant, type: string, said: readonly Said[]): string {
  const heading = `${name} (${id}), ${type}: policy version ${version}, days in ${zone}`
  return [heading, '', ...said.map(({ about, words }) => paragraph(about, words))].join('\n')
}

/** The word in the margin, the text beside it. */
function paragraph(about: string, words: string): string {
  const lines: string[] = ['']
  for (const word of words.split(' ')) {
    const line = lines.at(-1) ?? ''
    const longer = line === '' ? word : `${line} ${word}`
    if (longer.length <= lineLength - margin) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines.map((line, at) => (at === 0 ? about : '').padEnd(margin) + line).join('\n')
}
