import { answerBeganMs, type Subject } from '../domain/subject.ts'
import type { MongoConnection } from './mongo-connection.ts'
import type { CollectionName } from './mongo-schema.ts'

/**
 * Gives rows from before form 3 what the clock of retention asks for: no hold, whether a request to be deleted waits, and what
 * an answer answers for. `lookMs` is reckoned by the first look. May be repeated; no version moves, since nothing is decided.
 */
export async function fillForRetention(
  { connection }: MongoConnection,
  collections: readonly CollectionName[],
): Promise<void> {
  if (!collections.includes('subjects')) return
  const subjects = connection.collection('subjects')
  await subjects.updateMany({ 'body.holds': { $exists: false } }, { $set: { 'body.holds': [] } })
  const waits = {
    'body.deletionAskedAtMs': { $exists: true },
    'body.deletionAnswered': { $exists: false },
    $or: [
      { 'body.reopenedAtMs': { $exists: false } },
      { $expr: { $gt: ['$body.deletionAskedAtMs', '$body.reopenedAtMs'] } },
    ],
  }
  await subjects.updateMany(waits, { $set: { unanswered: true } })
  const answers = connection.collection('answers')
  await answers.updateMany({ 'body.document': { $exists: true }, document: { $exists: false } }, [
    { $set: { document: '$body.document' } },
  ])
}

/** Gives rows from before form 5 when the time for an answer began. May be repeated; no version moves. */
export async function fillAnswerTimes(
  { connection }: MongoConnection,
  collections: readonly CollectionName[],
): Promise<void> {
  if (!collections.includes('subjects')) return
  const subjects = connection.collection<{ readonly _id: string; readonly version: number; readonly body: Subject }>(
    'subjects',
  )
  for await (const { _id, version, body } of subjects.find({ unanswered: true, answerMs: { $exists: false } })) {
    const answerMs = answerBeganMs(body)
    // Whoever moves the row meanwhile writes it with the row.
    if (answerMs !== undefined) await subjects.updateOne({ _id, version }, { $set: { answerMs } })
  }
}
