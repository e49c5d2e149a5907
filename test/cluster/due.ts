import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { mongo } from 'mongoose'
import { paper } from '../support/call.ts'
import type { ProductionPlace } from '../support/production-place.ts'
import { type Answer, bill, type Kept, type Load, send, sha256 } from './load.ts'

/** The platform whose schedule comes round every minute, and the one whose papers go only when somebody asks for it. */
export const scheduled = 'nomor-keluar'
export const requested = 'jnetot'
export type DueTenant = typeof scheduled | typeof requested

/** Papers of accounts that were closed long ago. */
export interface DuePapers {
  readonly due: { readonly id: string; readonly tenant: DueTenant }[]
  /** Due as well, and kept by a dispute or by an order of the law. */
  readonly held: Kept[]
}

export type KeyOf = (tenant: string, role: string) => Promise<string>

const closedAt = '2018-06-30T12:00:00Z'
const heldFrom = '2018-07-01T12:00:00Z'

/** Persons whose papers are due at once, and of every four one whose papers are held before they are. */
export async function layDue(
  load: Load,
  key: KeyOf,
  tenant: DueTenant,
  persons: number,
  into: DuePapers,
): Promise<void> {
  await Promise.all(Array.from({ length: persons }, (_, at) => layOne(load, key, tenant, at % 4 === 3, into)))
}

async function layOne(load: Load, key: KeyOf, tenant: DueTenant, isHeld: boolean, into: DuePapers): Promise<void> {
  const subject = `due-${randomBytes(8).toString('hex')}`
  const platform = await key(tenant, 'onboarding')
  const told = (type: string, at: string, more: object = {}) =>
    askOfAny(load, platform, 'POST', `/v1/subjects/${subject}/events`, { type, at, ...more })
  const path = `/v1/subjects/${subject}/documents`
  const stored = await askOfAny(load, platform, 'POST', path, () =>
    paper({ type: 'address', kind: 'utility-bill' }, bill),
  )
  const id = String(stored['id'])
  if (isHeld) {
    // Each platform promises to keep papers for reasons of its own.
    if (tenant === requested) await told('dispute.opened', heldFrom, { ref: `CASE-${subject}` })
    else {
      const order = { subject, kind: 'legal_order', case: `WRIT-${subject}` }
      await askOfAny(load, await key(tenant, 'dpo'), 'POST', '/v1/holds', order)
    }
    const senior = await key(tenant, 'senior-reviewer')
    into.held.push({ id, sha256: sha256(bill), sizeBytes: bill.length, senior })
  } else {
    into.due.push({ id, tenant })
  }
  await told('closed', closedAt)
}

/**
 * Takes from the rows of the platform's closed accounts when the vault was told of it, as on rows of an older vault: what is told
 * so long after it happened would wait for a person, and the schedule is to destroy these by itself.
 */
export async function forgetWhenTold({ settings }: ProductionPlace, uri: string): Promise<void> {
  await using client = new mongo.MongoClient(uri)
  const subjects = client.db(settings['VAULT_MONGODB_DATABASE']).collection('subjects')
  await subjects.updateMany(
    { tenant: scheduled },
    { $unset: { 'body.tellings': '' } },
    { writeConcern: { w: 'majority' } },
  )
}

/** Planned by one person, approved by another, asked for by the purge role: each of whichever instance. */
export async function requestPurge(load: Load, key: KeyOf): Promise<void> {
  const [auditor, dpo, purge] = [
    await key(requested, 'auditor'),
    await key(requested, 'dpo'),
    await key(requested, 'purge'),
  ]
  const { id, planHash } = await askOfAny(load, auditor, 'POST', '/v1/purge-runs', { step: 'plan' })
  await askOfAny(load, dpo, 'POST', `/v1/purge-runs/${String(id)}/approval`, { planHash })
  await askOfAny(load, purge, 'POST', '/v1/purge-runs', { step: 'execute', planHash })
}

/** Asks until every due paper is gone. @returns how many still are not when the time is over */
export async function awaitDestroyed(load: Load, key: KeyOf, { due }: DuePapers, withinMs: number): Promise<number> {
  const untilMs = Date.now() + withinMs
  let left = [...due]
  while (left.length > 0 && Date.now() < untilMs) {
    const states = await Promise.all(
      left.map(async ({ id, tenant }) => {
        const headers = { Authorization: `Bearer ${await key(tenant, 'dpo')}` }
        return send(`${anyOf(load)}/v1/documents/${id}/certificate`, { headers }).catch(() => undefined)
      }),
    )
    left = left.filter((_, at) => states[at]?.status !== 200)
    if (left.length > 0) await sleep(500)
  }
  return left.length
}

const anyOf = ({ urls }: Load): string => urls[randomInt(urls.length)] ?? ''

/** The same request to one instance after another until it is answered; what cannot succeed is thrown. */
async function askOfAny(
  load: Load,
  key: string,
  method: string,
  path: string,
  body: object | (() => FormData),
): Promise<Readonly<Record<string, unknown>>> {
  const patience = AbortSignal.timeout(60_000)
  const headers: Record<string, string> = { Authorization: `Bearer ${key}`, 'Idempotency-Key': randomUUID() }
  if (typeof body !== 'function') headers['Content-Type'] = 'application/json'
  for (;;) {
    const content = typeof body === 'function' ? body() : JSON.stringify(body)
    const answer: Answer | undefined = await send(`${anyOf(load)}${path}`, { method, headers, body: content }).catch(
      () => undefined,
    )
    if (answer && answer.status < 300) return JSON.parse(answer.bytes.toString() || '{}') as Record<string, unknown>
    const mayBeAskedAgain = answer === undefined || [409, 429, 503].includes(answer.status)
    if (!mayBeAskedAgain || patience.aborted) {
      throw new Error(`${method} ${path} answers ${answer?.status} ${answer?.bytes.toString().slice(0, 300)}`)
    }
    await sleep(50 + randomInt(200))
  }
}
