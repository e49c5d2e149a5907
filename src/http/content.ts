import { z } from 'zod'
import { parseIfNoneMatch, parseRange } from './conditions.ts'
import { guarded } from './route.ts'
import { documentId } from './schemas.ts'

export const openDocumentRoute = guarded({
  method: 'get',
  path: '/v1/documents/{id}/content',
  id: 'openDocument',
  action: 'document.open.original',
  summary: 'Look at a paper, for a stated purpose',
  description:
    'The look is on record before the first byte leaves; Vault-Receipt says where. A broken connection means a broken answer.',
  params: z.strictObject({ id: documentId }),
  query: z.strictObject({
    rendition: z
      .enum(['original', 'preview', 'masked'])
      .optional()
      .transform(value => value ?? 'original')
      .meta({ description: 'Only original is offered today.' }),
  }),
  headers: [
    'Vault-Purpose',
    'Vault-Case',
    'Vault-Second-Authorization',
    'Vault-Approval',
    'Range',
    'If-Range',
    'If-None-Match',
  ],
  answers: {
    200: { description: 'The whole paper.', bytes: true, headers: ['ETag', 'Vault-Receipt'] },
    206: { description: 'The range asked for.', bytes: true, headers: ['ETag', 'Content-Range', 'Vault-Receipt'] },
    304: { description: 'The copy of the client is the current one.', headers: ['ETag', 'Vault-Receipt'] },
  },
  refusals: [
    'document.unknown',
    'document.purged',
    'document.restricted',
    'role.not-assigned',
    'purpose.missing',
    'purpose.not-allowed',
    'case.missing',
    'rendition.not-offered',
    'range.not-satisfiable',
    'budget.reads',
    'keys.unavailable',
    'blobs.unavailable',
  ],
  verb: async () => (await import('../access/open-document.ts')).openDocument,
  handle: async ({ vault }, asked, openDocument) => {
    const { caller, params, query, reason, beside, head, headers, signal } = asked
    const range = parseRange(headers.range)
    const ifNoneMatch = parseIfNoneMatch(headers['if-none-match'])
    const ifRange = headers['if-range']
    const opened = await openDocument(vault, caller, {
      id: params.id,
      rendition: query.rendition,
      reason,
      ...beside,
      head,
      signal,
      ...(range ? { range } : {}),
      ...(typeof ifRange === 'string' ? { ifRange } : {}),
      ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    })
    return { kind: 'opened', opened }
  },
})
