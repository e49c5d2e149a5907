import { z } from 'zod'
import { limits, mediaKinds } from '../domain/media.ts'
import { observe } from '../guards/admit.ts'
import { guarded } from './route.ts'

const published = { ...limits, accepted: mediaKinds }

/** Every limit by name, in bytes, pixels, pages, items and milliseconds. */
const limitsView = z.record(z.string(), z.unknown()).meta({ id: 'Limits' })

export const limitsRoute = guarded({
  method: 'get',
  path: '/v1/limits',
  id: 'readLimits',
  action: 'limits.read',
  summary: 'Every limit that the vault enforces',
  answers: { 200: { description: 'The one table.', schema: limitsView } },
  refusals: [],
  handle: async ({ vault }, { caller }) => {
    await observe(vault, caller, { action: 'limits.read', resource: { known: true } })
    return { kind: 'json', body: published }
  },
})
