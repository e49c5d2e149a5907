import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StoredDocument } from '../../src/domain/document.ts'
import { at, type Damage, ofBlob, ofEntry, ofKey } from './damage.ts'
import type { DamageSite } from './damage-site.ts'
import type { Seeded } from './seeded.ts'

function altered(change: (document: StoredDocument, chance: Seeded) => object, ...details: string[]): Damage {
  return (site, victims, chance) => {
    const document = victims.plain()
    site.alter('document', document.id, change(document, chance) as Record<string, unknown>)
    return details.map(detail => ofEntry(document, detail))
  }
}

function malformed(change: (document: StoredDocument) => object, detail: string): Damage {
  return (site, victims) => {
    const document = victims.plain()
    site.alter('document', document.id, change(document) as Record<string, unknown>)
    return [{ code: 'document.malformed', ...at(document), detail }]
  }
}

const randomHash = (chance: Seeded): string => Buffer.from(chance.hex(64), 'hex').toString('base64')

export const damagesToDocuments: Readonly<Record<string, Damage>> = {
  'the kind of a paper is altered': altered(() => ({ kind: 'national-id' }), 'kind'),
  'the type of a paper is altered': altered(() => ({ type: 'address' }), 'type'),
  'the media of a paper is altered': altered(() => ({ media: 'image/webp' }), 'media'),
  'the policy of a paper is altered': (site, victims) => {
    const document = victims.plain()
    site.alter('document', document.id, { policyVersion: document.policyVersion + 1 })
    const unknown = { code: 'policy.unknown', ...at(document), subject: document.subject } as const
    return [ofEntry(document, 'policyVersion'), unknown]
  },
  'the depositor of a paper is altered': altered(() => ({ depositedBy: 'somebody' }), 'depositedBy'),
  'the key commitment of a paper is altered': altered((_, chance) => ({ commitKey: randomHash(chance) }), 'commitKey'),
  'the frame length of a paper is altered': (site, victims) => {
    const document = victims.plain()
    site.alter('document', document.id, { frameBytes: 1_024 })
    return [ofEntry(document, 'frameBytes'), { code: 'blob.length', ...ofBlob(document) }]
  },
  'the hash of a paper is altered': (site, victims, chance) => {
    const document = victims.plain()
    site.alter('document', document.id, { bodySha256: randomHash(chance) })
    return [ofEntry(document, 'bodySha256'), { code: 'blob.hash', ...ofBlob(document) }]
  },
  'the length of a paper is altered': (site, victims, chance) => {
    const document = victims.plain()
    site.alter('document', document.id, { plaintextBytes: document.plaintextBytes + 1 + chance.below(100) })
    return [ofEntry(document, 'plaintextBytes'), { code: 'blob.length', ...ofBlob(document) }]
  },
  'the format of a paper is altered': malformed(() => ({ fmt: 2 }), 'fmt'),
  'the commitment of a paper is cut': malformed(({ commitKey }) => ({ commitKey: commitKey.slice(4) }), 'commitKey'),
  'the place of a paper in the trail is lost': malformed(() => ({ trail: undefined }), 'trail'),
  'a paper names a place in the trail where nothing stands': (site, victims, chance) => {
    const document = victims.plain()
    const trail = { log: document.trail.log, index: 1_000_000 + chance.below(1_000) }
    site.alter('document', document.id, { trail })
    return [{ code: 'storing-entry.missing', ...at(document), ...trail }]
  },
  'a paper names the entry of another': (site, victims) => {
    const [document, other] = [victims.plain(), victims.plain()]
    site.alter('document', document.id, { trail: other.trail })
    return [{ code: 'storing-entry.differs', ...at(document), ...other.trail, detail: 'entry' }]
  },
  'a column beside a paper is altered': (site, victims) => {
    const document = victims.plain()
    site.ledger.prepare("UPDATE document SET state = 'abandoned' WHERE id = ?").run(document.id)
    return [{ code: 'row.differs', ...at(document), detail: 'document' }]
  },
  'the row of a paper is deleted': (site, victims) => {
    const document = victims.plain()
    const review = site.reviewOf(document.id).id
    const answer = site.answerOf(document.id)
    site.remove('document', document.id)
    return [
      { code: 'document.lost', ...at(document), ...document.trail },
      { code: 'key.orphan', ...ofKey(document) },
      { code: 'blob.orphan', blob: document.blobKey },
      { code: 'review.stray', ...at(document), review },
      { code: 'answer.stray', ...at(document), answer },
    ]
  },
  'an attempt to store was never cleared away': (site, victims, chance) => {
    const left = leftover(victims.plain(), chance, 'depositing')
    insertDocument(site, left, left.deadlineMs)
    return [{ code: 'deposit.overdue', tenant: 'jnetot', document: String(left.id) }]
  },
  'an abandoned attempt was never cleared away': (site, victims, chance) => {
    const left = leftover(victims.plain(), chance, 'abandoned')
    insertDocument(site, left, left.abandonedAtMs)
    return [{ code: 'deposit.abandoned', tenant: 'jnetot', document: String(left.id) }]
  },
}

function leftover(like: StoredDocument, chance: Seeded, state: 'depositing' | 'abandoned'): Record<string, unknown> {
  const messageId = chance.hex(64)
  const { id: _, fmt: _f, plaintextBytes: _p, frameBytes: _b, commitKey: _c, bodySha256: _s, trail: _t, ...rest } = like
  return {
    ...rest,
    id: chance.uuid(),
    state,
    messageId,
    blobKey: `v1/${messageId.slice(0, 2)}/${messageId}`,
    uploadMac: chance.hex(43),
    ...(state === 'depositing'
      ? { deadlineMs: like.createdAtMs, answerKey: 'none' }
      : { abandonedAtMs: like.createdAtMs }),
  }
}

function insertDocument(site: DamageSite, row: Record<string, unknown>, dueMs: unknown): void {
  const { tenant, id, subject, state, uploadMac, blobKey, version } = row
  site.ledger
    .prepare(
      'INSERT INTO document (tenant, id, subject, state, upload_mac, blob_key, due_ms, version, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
    .run(
      String(tenant),
      String(id),
      String(subject),
      String(state),
      String(uploadMac),
      String(blobKey),
      Number(dueMs),
      Number(version),
      JSON.stringify(row),
    )
}

export const damagesToOthers: Readonly<Record<string, Damage>> = {
  'a person is deleted': (site, victims) => {
    const document = victims.plain()
    site.remove('subject', document.subject)
    return [{ code: 'subject.missing', ...at(document), subject: document.subject }]
  },
  'a person has a tier that there is not': (site, victims) => {
    const { tenant, subject } = victims.plain()
    site.alter('subject', subject, { tier: 77 })
    return [{ code: 'subject.malformed', tenant, subject, detail: 'tier' }]
  },
  'a review is deleted': (site, victims) => {
    const document = victims.plain()
    site.remove('review', site.reviewOf(document.id).id)
    return [{ code: 'review.missing', ...at(document) }]
  },
  'a review is approved by nobody': (site, victims) => {
    const document = victims.plain()
    const { id: review } = site.reviewOf(document.id)
    site.alter('review', review, { state: 'approved' })
    site.ledger.prepare("UPDATE review SET state = 'approved' WHERE id = ?").run(review)
    return [{ code: 'review.malformed', ...at(document), review, detail: 'decision' }]
  },
  'a review is of another person': (site, victims, chance) => {
    const document = victims.plain()
    const { id: review } = site.reviewOf(document.id)
    site.alter('review', review, { subject: chance.uuid() })
    return [{ code: 'review.malformed', ...at(document), review, detail: 'subject' }]
  },
  'a decision names another entry': (site, victims) => {
    const document = victims.decided()
    const { id: review, decision } = site.reviewOf(document.id)
    site.alter('review', review, { decision: { ...decision, trail: document.trail } })
    return [{ code: 'decision-entry.differs', ...at(document), review, ...document.trail }]
  },
  'a decision names another person': (site, victims) => {
    const document = victims.decided()
    const { id: review, decision } = site.reviewOf(document.id)
    site.alter('review', review, { decision: { ...decision, by: 'somebody' } })
    return [{ code: 'decision-entry.differs', ...at(document), review, ...decision?.trail }]
  },
  'a review vanishes from the desk of its person': (site, victims) => {
    const document = victims.taken()
    const { id: review, assignment } = site.reviewOf(document.id)
    const person = String(assignment?.person)
    const open = site.body('desk', person).open as readonly { review: string }[]
    site.alter('desk', person, { open: open.filter(item => item.review !== review) })
    return [{ code: 'desk.differs', ...at(document), review, person }]
  },
  'a review lies on a desk and is assigned to nobody': (site, victims) => {
    const document = victims.taken()
    const { id: review, assignment } = site.reviewOf(document.id)
    site.alter('review', review, { assignment: undefined })
    return [{ code: 'desk.differs', tenant: document.tenant, review, person: String(assignment?.person) }]
  },
  'an answer tells of a document that is not there': (site, victims, chance) => {
    const answer = site.answerOf(victims.plain().id)
    const document = chance.uuid()
    site.alter('answer', answer, { document })
    return [{ code: 'answer.stray', tenant: 'jnetot', answer, document }]
  },
  'an answer stayed open': (site, victims) => {
    const document = victims.plain()
    const answer = site.answerOf(document.id)
    const expiresAtMs = Date.now()
    site.alter('answer', answer, { state: 'open', expiresAtMs })
    site.ledger.prepare('UPDATE answer SET expires_ms = ? WHERE key = ?').run(expiresAtMs, answer)
    return [{ code: 'answer.stale', ...at(document), answer }]
  },
  'a stranger in the data folder': (site, _, chance) => {
    const name = `${chance.hex(8)}.txt`
    writeFileSync(join(site.dataDir, name), 'x', { mode: 0o600 })
    return [{ code: 'file.foreign', file: `data/${name}` }]
  },
  'rows of a tenant that is not configured': (site, victims, chance) => {
    const { tenant: _, subject } = victims.plain()
    const [tenant, id] = [`gone-${chance.hex(6)}`, chance.uuid()]
    const row = { ...site.body('subject', subject), tenant, id }
    site.ledger
      .prepare('INSERT INTO subject (tenant, id, reference, version, body) VALUES (?, ?, ?, ?, ?)')
      .run(
        tenant,
        id,
        String(site.body('subject', subject).reference),
        Number(site.body('subject', subject).version),
        JSON.stringify(row),
      )
    return [{ code: 'tenant.unknown', tenant }]
  },
}
