import { z } from 'zod'
import type { Vault } from '../guards/vault.ts'
import type { Door } from './door.ts'
import { sendJson } from './respond.ts'
import type { PublicRoute } from './route.ts'

const answerWithinMs = 2_000
const keptMs = 500

const alive = z.object({ status: z.literal('alive') }).meta({ id: 'Alive' })
const readiness = z
  .object({ ready: z.boolean(), failing: z.array(z.enum(['trail', 'ledger', 'keyring', 'blobs', 'stopping'])) })
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
  public: 'probes carry no credential; it names only which of four parts is missing',
  summary: 'Whether documents can be taken and opened now',
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
function failingNow(door: Door): Promise<readonly string[]> {
  const nowMs = performance.now()
  const known = kept.get(door)
  if (known && known.untilMs > nowMs) return known.failing
  const failing = failingParts(door.vault)
  kept.set(door, { untilMs: nowMs + keptMs, failing })
  return failing
}

async function failingParts({ batches, ledger, keyring, blobs }: Vault): Promise<readonly string[]> {
  const parts: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['trail', () => batches.ready()],
    ['ledger', () => ledger.findApiKey('0000000000000000')],
    ['keyring', () => keyring.ready()],
    ['blobs', () => blobs.ready()],
  ]
  const found = await Promise.all(parts.map(async ([name, ask]) => ((await answers(ask)) ? [] : [name])))
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
