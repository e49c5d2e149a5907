import { Cron } from 'croner'
import { z } from 'zod'
import { holdKinds } from '../domain/hold.ts'
import { idPatterns } from '../domain/ids.ts'
import { type PaperType, paperTypes } from '../domain/media.ts'
import { roles } from '../domain/role.ts'
import { mostAnswerDays } from '../domain/statute.ts'
import { maxTier } from '../domain/subject.ts'

/** The form of a tenant's files; what holds between their members is in `file-tenant-rules.ts`. */

const word = z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/)
const words = z.array(word).min(1).refine(isWithoutRepeats, 'names one thing twice')
/** Text for people: blanks say nothing. */
const text = (characters: number) => z.string().max(characters).regex(/\S/, 'says nothing')
const promise = text(300)
const explanation = text(600)
const paperType = z.enum(paperTypes)
const tenantRole = z.enum(roles).exclude(['system'])
/** A reference that somebody can follow; `demo:` before it while nobody has confirmed it. */
const reference = z.string().regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?$/)
const country = z.string().regex(/^[A-Z]{2}(?:-[A-Z0-9]{1,3})?$/)
const zone = z
  .string()
  .refine(isZone, 'is no IANA time zone')
  .describe('IANA time zone in which its calendar days are counted.')
const version = z.int().min(1).max(9_999)

const paper = z.strictObject({
  kinds: words.describe('Kinds of this paper that are taken.'),
  minTier: z.int().min(0).max(maxTier).describe("The subject's tier from which on it may be collected."),
})

const rule = z.strictObject({
  years: z
    .int()
    .min(1)
    .max(30)
    .describe('Whole calendar years for which it is kept after the account was closed; at least floorYears.'),
  floorYears: z
    .int()
    .min(0)
    .max(30)
    .describe('The least that the law asks for, in whole calendar years after closure; 0 where it asks for nothing.'),
  basis: word.describe('Name of the legal basis, among bases.'),
  onDeletion: z
    .enum(['floor', 'shred'])
    .describe('What a request to be deleted makes of it: kept to floorYears, or destroyed before the answer is due.'),
})

const retention = z
  .partialRecord(paperType, rule)
  .describe('Paper type to how long it is kept, types that are no longer collected included.')
const deletion = z
  .strictObject({
    answerDays: z
      .int()
      .min(2)
      .max(mostAnswerDays)
      .describe('Days from the request, or from closure where that is later, within which the person is answered.'),
    shredAfterDays: z
      .int()
      .min(1)
      .max(mostAnswerDays - 1)
      .describe('Days after the same moment on which papers that nothing keeps are destroyed; fewer than answerDays.'),
  })
  .describe("What a person's request to be deleted sets going.")

const basis = z.strictObject({
  law: text(160).describe('The law or promise, with its article.'),
  jurisdiction: country.describe('ISO 3166 code of the country whose law it is.'),
  words: explanation.describe('Why a paper is kept, in plain words, for the person it is about.'),
  source: reference.describe('Where it can be read; `demo:` before it while nobody has confirmed it.'),
})

const purge = z.strictObject({
  schedule: z
    .string()
    .regex(/^[0-9A-Za-z*,/#-]+(?: [0-9A-Za-z*,/#-]+){4}$/, {
      error: 'is no cron expression of five fields',
      abort: true,
    })
    .refine(isSchedule, 'is no cron expression that ever comes due')
    .describe('Cron expression of five fields, read in the zone: when due papers are destroyed.'),
  approval: z.boolean().describe('Whether a plan waits for a person other than the one who made it.'),
  maxPerRun: z
    .int()
    .min(1)
    .max(1_000_000)
    .describe('Most papers of one run; a longer list is refused until a person looks at it.'),
  keyBackupDays: z
    .int()
    .min(0)
    .max(35)
    .describe('Days for which backups of the wrapped keys live; certificates name the day on which the last is gone.'),
})

const residency = z.strictObject({
  regions: z
    .record(
      z.string().regex(/^[a-z0-9-]{1,40}$/),
      z.strictObject({
        safeguard: reference
          .optional()
          .describe('Reference of what protects papers there, where the law of the jurisdiction asks for it.'),
      }),
    )
    .refine(regions => Object.keys(regions).length > 0, 'names no region')
    .describe('Every region of the store and the keys in which its papers may lie.'),
  minPlaces: z.int().min(1).max(10).describe('In how many of them each paper lies at least.'),
})

const decision = z.strictObject({
  id: word,
  contradiction: explanation.describe('Which promises contradict each other, or leave something open.'),
  decision: explanation,
  reason: explanation,
})

const named = (text: string) => promise.describe(`Promise or law that ${text} rest on.`)

/** `<id>.json`: all that is promised today. */
export const tenantSchema = z.strictObject({
  $schema: z.literal('./policy.schema.json').optional().describe('For editors.'),
  id: z.string().regex(idPatterns.tenant).describe('The name of the file without `.json`; never changes.'),
  version: version.describe('Grows by one with each change; every document keeps the version it came under.'),
  name: text(64).describe('For people.'),
  zone,
  jurisdiction: z
    .string()
    .regex(/^(?:demo:)?[A-Z]{2}(?:-[A-Z0-9]{1,3})?$/)
    .optional()
    .describe('ISO 3166 code of the country it is licensed in; without it no paper is taken.'),
  licence: reference.optional().describe('Reference of the licence it works under; without it no paper is taken.'),
  papers: z.partialRecord(paperType, paper).describe('Paper type to what is taken of it.'),
  refused: z
    .partialRecord(paperType, promise)
    .describe('Every other paper type, with the promise that refuses it, as the uploader is shown it.'),
  purposes: words.describe('For what a paper may be opened.'),
  roles: z
    .array(tenantRole)
    .min(1)
    .refine(isWithoutRepeats, 'names one thing twice')
    .describe('The roles in use here; any other gets no key and no right.'),
  support: z.strictObject({ rendition: z.enum(['none', 'masked']).describe('What support staff see of a paper.') }),
  bases: z
    .record(word, basis)
    .describe(
      'Name to law or promise that papers are kept under. A name that a rule uses and that is missing here makes the tenant inactive.',
    ),
  retention,
  deletion,
  holds: z
    .array(z.enum(holdKinds))
    .refine(isWithoutRepeats, 'names one thing twice')
    .describe('What it may keep papers from destruction for.'),
  purge,
  residency,
  tls: z.strictObject({ atLeast: z.enum(['1.2', '1.3']).describe('The least version of TLS towards its people.') }),
  decisions: z.array(decision).describe('Contradictions between its promises, and what was decided about each.'),
  sources: z.strictObject({
    papers: named('the papers taken'),
    refused: named('the papers refused'),
    purposes: named('the purposes'),
    zone: named('the days of its zone'),
    support: named("the limits of support staff's sight"),
    retention: named('the years'),
    deletion: named('the days of an answer'),
    holds: named('the holds'),
    purge: named('the rules of destruction'),
    residency: named('the regions'),
    tls: named('the version of TLS'),
  }),
})

/** `<id>/<version>.json`: the clocks of an earlier version, which papers that came under it keep. */
export const earlierSchema = z.strictObject({ version, zone, retention, deletion })

/** A tenant's file of the right form. */
export type TenantFile = z.output<typeof tenantSchema>
/** Some members of a tenant's file. */
export type TenantMembers = { readonly [Name in keyof TenantFile]?: TenantFile[Name] | undefined }
/** The file of an earlier version, of the right form. */
export type EarlierFile = z.output<typeof earlierSchema>

/** Those top-level members of a file that are of the right form by themselves. */
export function soundMembers(json: unknown): TenantMembers {
  if (typeof json !== 'object' || json === null) return {}
  const sound = Object.entries(tenantSchema.shape).flatMap(([name, schema]) => {
    const member: unknown = Object.hasOwn(json, name) ? Reflect.get(json, name) : undefined
    return member !== undefined && schema.safeParse(member).success ? [[name, member] as const] : []
  })
  return tenantSchema.partial().parse(Object.fromEntries(sound))
}

/** The published form of a tenant's file, for editors and other readers: JSON Schema, draft 2020-12. */
export function publishedSchema(): unknown {
  return z.toJSONSchema(tenantSchema, { io: 'input' })
}

/** The entries of a record by paper type, in the order of the paper types. */
export function byPaperType<T>(record: Readonly<Partial<Record<PaperType, T>>>): ReadonlyMap<PaperType, T> {
  return new Map(paperTypes.flatMap(type => (record[type] === undefined ? [] : [[type, record[type]] as const])))
}

/** Longest time, in whole days, for which a schedule lets anything wait, as far as a year of it tells. */
export function longestWaitDays(schedule: string): number {
  if (everyDay.test(schedule)) return 1
  const cron = cronOf(schedule)
  if (!cron) return Number.POSITIVE_INFINITY
  if (schedule.endsWith(' * * *')) return 1
  const waits = Array.from({ length: 366 }, (_, day) => {
    const fromMs = Date.UTC(2028, 0, 1 + day)
    const next = cron.nextRun(new Date(fromMs - 1))
    return next ? (next.getTime() - fromMs) / 86_400_000 : Number.POSITIVE_INFINITY
  })
  return Math.ceil(Math.max(...waits))
}

/** Minute and hour of every day, as nearly every schedule is: to see that it is one takes no parser. */
const everyDay = /^(?:[0-9]|[1-5][0-9]) (?:[0-9]|1[0-9]|2[0-3]) \* \* \*$/

function isSchedule(text: string): boolean {
  return everyDay.test(text) || cronOf(text)?.nextRun() instanceof Date
}

/** At a fixed offset, since formatting in a zone loads a library for 11 ms; whether an expression is one does not hang on it. */
function cronOf(text: string): Cron | undefined {
  try {
    return new Cron(text, { mode: '5-part', paused: true, utcOffset: 0 })
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined
    throw error
  }
}

function isWithoutRepeats(list: readonly string[]): boolean {
  return new Set(list).size === list.length
}

/** Asked of Temporal: the first date formatter of a process loads a library for 12 ms. An offset is no zone: it knows no change. */
function isZone(zone: string): boolean {
  try {
    return /^[A-Za-z]/.test(new Temporal.ZonedDateTime(0n, zone).timeZoneId)
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
