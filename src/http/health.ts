import { z } from 'zod'
import { type ProcessRole, processRoles } from '../domain/process-role.ts'
import type { Vault } from '../guards/vault.ts'
import type { Door } from './door.ts'
import { sendJson } from './respond.ts'
import type { PublicRoute } from './route.ts'

const answerWithinMs = 2_000
const keptMs = 500

const alive = z.object({ status: z.literal('alive') }).meta({ id: 'Alive' })
const readiness = z
  .object({
    ready: z.boolean(),
    failing: z.array(z.enum(['trail', 'ledger', 'keyring', 'wrapped-keys', 'blobs', 'stopping', 'restored'])),
  })
  .meta({ id: 'Readiness' })

export const livezRoute: PublicRoute = {
  method: 'get',
  path: '/livez',
  id: 'livez',
  public: 'probes carry no credential; it says only that the process answers',
  summary: 'Whether the process answers',
  answers: { 200: { description: 'It does.', schema: alive } },
  refusals: [],
  answer: async (_door, _req, res) => sendJson(res, 200, '{"status":"alive"}'),
}

export const readyzRoute: PublicRoute = {
  method: 'get',
  path: '/readyz',
  id: 'readyz',
  public: 'probes carry no credential; it names only which of five parts is missing',
  summary: 'Whether this process can do its work now',
  answers: {
    200: { description: 'Ready.', schema: readiness },
    503: { description: 'Not ready, and what is missing.', schema: readiness },
  },
  refusals: [],
  answer: async (door, _req, res) => {
    const failing = door.inFlight.stopping ? (['stopping'] as const) : await failingNow(door)
    sendJson(res, failing.length === 0 ? 200 : 503, JSON.stringify({ ready: failing.length === 0, failing }))
  },
}

const kept = new WeakMap<Door, { readonly untilMs: number; readonly failing: Promise<readonly string[]> }>()

/** Asked by anybody, so asked of the stores at most twice a second. */
export function failingNow(door: Door): Promise<readonly string[]> {
  const nowMs = performance.now()
  const known = kept.get(door)
  if (known && known.untilMs > nowMs) return known.failing
  const failing = door.restored ? Promise.resolve(['restored']) : failingParts(door.vault, door.roles)
  kept.set(door, { untilMs: nowMs + keptMs, failing })
  return failing
}

interface Part {
  readonly name: string
  /** Whose work stands still without it. */
  readonly neededBy: readonly ProcessRole[]
  readonly ask: (vault: Vault) => Promise<unknown>
}

/** Ids that no row can have: the look-up shows that there is somebody to ask. */
const parts: readonly Part[] = [
  { name: 'trail', neededBy: processRoles, ask: ({ batches }) => batches.ready() },
  { name: 'ledger', neededBy: processRoles, ask: ({ ledger }) => ledger.findApiKey('0000000000000000') },
  { name: 'keyring', neededBy: ['intake', 'access', 'keys'], ask: ({ keyring }) => keyring.ready() },
  { name: 'wrapped-keys', neededBy: processRoles, ask: ({ wrappedKeys }) => wrappedKeys.get('doc/none') },
  { name: 'blobs', neededBy: ['intake', 'access', 'jobs'], ask: ({ blobs }) => blobs.ready() },
]

async function failingParts(vault: Vault, roles: readonly ProcessRole[]): Promise<readonly string[]> {
  const needed = parts.filter(({ neededBy }) => neededBy.some(role => roles.includes(role)))
  const found = await Promise.all(
    needed.map(async ({ name, ask }) => ((await answers(() => ask(vault))) ? [] : [name])),
  )
  return found.flat()
}

async function answers(ask: () => Promise<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>()
  const timer = setTimeout(resolve, answerWithinMs, false)
  const asked = ask().then(
    () => true,
    () => false,
  )
  return await Promise.race([asked, late]).finally(() => clearTimeout(timer))
}
