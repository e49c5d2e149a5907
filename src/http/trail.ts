import { z } from 'zod'
import { VaultError } from '../domain/errors.ts'
import { answerPage } from './lists.ts'
import { guarded } from './route.ts'
import { documentId, instant, pageOf, paging, person, subjectId, trailItem } from './schemas.ts'

const entries = '/v1/trail/entries'
const outs = ['allow', 'deny', 'done', 'broken', 'error', 'swept', 'note'] as const

export const readTrailRoute = guarded({
  method: 'get',
  path: entries,
  id: 'readTrail',
  action: 'trail.read',
  summary: 'Read the trail, newest first',
  description: 'Reading it is itself an entry. Some roles see only their own entries, or those of the case they name.',
  headers: ['Vault-Purpose', 'Vault-Case'],
  query: z.strictObject({
    ...paging,
    document: documentId.optional(),
    subject: subjectId.optional().meta({ description: 'The uuid under which the trail names a person.' }),
    actor: person.optional(),
    act: z
      .string()
      .regex(/^[a-z.-]{1,40}$/)
      .optional(),
    out: z.enum(outs).optional(),
    from: instant.optional(),
    to: instant.optional(),
  }),
  answers: { 200: { description: 'Entries that match.', schema: pageOf(trailItem, 'TrailPage') } },
  refusals: ['cursor.invalid', 'trail.range', 'case.missing', 'case.not-same'],
  verb: async () => (await import('../trail/search.ts')).readTrail,
  handle: (door, asked, readTrail) => {
    const { limit: _, cursor: __, from, to, ...named } = asked.query
    const filter = {
      ...named,
      ...(from === undefined ? {} : { fromMs: from }),
      ...(to === undefined ? {} : { toMs: to }),
    }
    const { reason } = asked
    const list = { route: entries, filter: { ...filter, case: reason.case }, parse: parsePlace }
    return answerPage(door, asked, list, async ({ limit, after }) => {
      const { items, next } = await readTrail(door.vault, asked.caller, { filter, reason, limit, ...after })
      return { items, ...(next ? { next: `${next.before} ${next.log}` } : {}) }
    })
  },
})

/** `before log`: the position was sealed by the vault itself, so a shape it never wrote is a defect. */
function parsePlace(position: string): { readonly log: string; readonly before: number } {
  const [before, log] = position.split(' ')
  if (before === undefined || log === undefined) throw new VaultError('cursor.invalid')
  return { log, before: Number(before) }
}
