import { mongo } from 'mongoose'
import type { ProductionPlace } from '../support/production-place.ts'
import { everyVersion } from '../support/s3-bucket.ts'
import type { DuePapers, KeyOf } from './due.ts'
import { type Load, send } from './load.ts'

interface Entry {
  readonly log: string
  readonly index: number
  readonly leafHash: string
  readonly entry: {
    readonly act: string
    readonly out: string
    readonly det?: Readonly<Record<string, unknown>>
  }
}

/** Each due paper is gone for every instance, with a certificate, and the trail tells of one destruction. */
export async function judgeDestroyed(load: Load, key: KeyOf, { due }: DuePapers): Promise<string> {
  let certificates = 0
  for (const { id, tenant } of due) {
    const headers = { Authorization: `Bearer ${await key(tenant, 'dpo')}` }
    for (const url of load.urls) {
      const [paper, certificate] = [
        await send(`${url}/v1/documents/${id}`, { headers }),
        await send(`${url}/v1/documents/${id}/certificate`, { headers }),
      ]
      if (paper.status !== 410) load.violations.push(`a destroyed paper answers ${paper.status}`)
      if (certificate.status !== 200) load.violations.push(`a certificate answers ${certificate.status}`)
    }
    const told = await entriesOf(load, await key(tenant, 'auditor'), `document=${id}&limit=100`)
    const destroyed = told.filter(({ entry }) => entry.out === 'done' && entry.det?.['backupsBy'] !== undefined)
    certificates += destroyed.length
    if (destroyed.length !== 1) load.violations.push(`a paper has ${destroyed.length} certificates in the trail`)
  }
  return `${due.length} due papers destroyed, ${certificates} certificates in the trail`
}

/** Whichever instance is asked, the newest entry up to one moment is the same. */
export async function judgeHeads(load: Load, key: KeyOf, tenants: readonly string[]): Promise<string> {
  const heads: string[] = []
  for (const tenant of tenants) {
    const auditor = await key(tenant, 'auditor')
    const to = new Date().toISOString()
    const seen = new Set<string>()
    for (const url of load.urls) {
      const [newest] = await entriesOf({ ...load, urls: [url] }, auditor, `limit=1&to=${to}`)
      if (newest) seen.add(`${newest.log} ${newest.index} ${newest.leafHash}`)
    }
    if (seen.size !== 1) load.violations.push(`${load.urls.length} instances see ${seen.size} heads of a trail`)
    heads.push([...seen][0]?.split(' ').slice(0, 2).join(' at ') ?? 'none')
  }
  return `heads as each of ${load.urls.length} instances sees them: ${heads.join(', ')}`
}

/** What lies in the stores themselves: nothing of what was destroyed, and nothing that no row names. */
export async function judgeStores(
  load: Load,
  place: ProductionPlace,
  uri: string,
  { due, held }: DuePapers,
): Promise<string> {
  await using client = new mongo.MongoClient(uri)
  const { VAULT_MONGODB_DATABASE: rows, VAULT_MONGODB_KEYS_DATABASE: keysIn } = place.settings
  const documents = await client
    .db(rows)
    .collection<{ _id: string; state: string; blobKey?: string }>('documents')
    .find({}, { projection: { state: 1, blobKey: 1 } })
    .toArray()
  const keys = await client.db(keysIn).collection<{ _id: string; document: string }>('wrapped_keys').find().toArray()
  const stateOf = new Map(documents.map(({ _id, state }) => [_id.split('/')[1] ?? '', state]))
  const gone = new Set(due.map(({ id }) => id))
  for (const id of gone) if (stateOf.get(id) !== 'purged') load.violations.push(`a due paper is ${stateOf.get(id)}`)
  for (const { id } of held)
    if (stateOf.get(id) !== 'stored') load.violations.push(`a held paper is ${stateOf.get(id)}`)
  if (keys.some(({ document }) => gone.has(document))) load.violations.push('a destroyed paper has its key still')
  if (keys.some(({ document }) => !stateOf.has(document))) load.violations.push('a wrapped key has no row')
  const named = new Set(documents.flatMap(({ blobKey }) => (blobKey === undefined ? [] : [blobKey])))
  const versions = await everyVersion(place.bucket.client, place.bucket.bucket)
  const unnamed = versions.filter(({ key }) => key !== 'v1/probe' && !named.has(key))
  if (unnamed.length > 0) load.violations.push(`${unnamed.length} versions in S3 that no row names`)
  return `${documents.length} rows, ${keys.length} wrapped keys, ${versions.length} versions in S3, ${unnamed.length} of them unnamed`
}

async function entriesOf(load: Load, key: string, query: string): Promise<readonly Entry[]> {
  const headers = { Authorization: `Bearer ${key}` }
  const answer = await send(`${load.urls[0]}/v1/trail/entries?${query}`, { headers })
  if (answer.status !== 200) throw new Error(`the trail answers ${answer.status} ${answer.bytes.toString()}`)
  return (JSON.parse(answer.bytes.toString()) as { readonly items: readonly Entry[] }).items
}
