/**
 * Everything `check` may find, each with its meaning in words. The codes are public and stable: alerts and runbooks name them.
 */
export const findingCodes = {
  'tenant.unknown': 'rows of a tenant that is not configured',
  'document.malformed': 'the row of a document says what no row may say',
  'document.lost': 'the trail says it was stored and never destroyed, and there is no row',
  'subject.missing': 'a document names a person who has no row',
  'subject.malformed': 'the row of a person says what no row may say',
  'key.missing': 'a kept document has no wrapped key: it cannot be opened',
  'key.differs': 'the wrapped key of a document names another document or tenant, or is not the one it was stored with',
  'key.ended': 'a wrapped key under an epoch that is over: it opens nothing, as after an older store was put back',
  'key.orphan': 'a wrapped key that no row names',
  'key.foreign-name': 'a wrapped key under a name that the vault does not give',
  'blob.missing': 'a kept document has no sealed body',
  'blob.length': 'a sealed body is shorter or longer than what was sealed',
  'blob.hash': 'a sealed body is not what was sealed',
  'blob.unreadable': 'a sealed body cannot be read',
  'blob.orphan': 'a sealed body that no row names',
  'blob.foreign-name': 'something in the store of sealed bodies that the vault did not put there',
  'storing-entry.missing': 'a kept document names a place in the trail where nothing stands',
  'storing-entry.differs': 'a kept document is not what its storing entry says was stored',
  'deposit.overdue': 'an attempt to store that is long past its deadline and was not cleared away',
  'deposit.abandoned': 'an abandoned attempt to store that was not cleared away',
  'review.missing': 'a stored document has no review',
  'review.malformed': 'the row of a review contradicts itself or its document',
  'review.stray': 'a review of a document that is not there',
  'decision-entry.differs': 'a decided review names no entry of that decision',
  'desk.differs': 'what a person holds and what is assigned to that person are not the same',
  'answer.stray': 'a kept answer names a document that is not there',
  'answer.stale': 'an answer stayed open after its attempt to store had ended',
  'certificate.missing': 'a tombstone names a place in the trail where nothing stands',
  'certificate.differs': 'a tombstone names an entry that is no certificate of that paper',
  'purging.overdue': 'a paper that was given up more than a day ago and is not destroyed',
  'policy.unknown': 'a paper came under a version of the policy that is not known: it is never destroyed',
  'look.late': 'the purge would look at a person’s papers after one of them is due, or never',
  'subject.remains': 'the row of a person of whom nothing is left and nothing will come',
  'run.malformed': 'a purge run, its pages and their hash do not say the same',
  'run.overdue': 'a purge run that began more than a day ago and is not done',
  'run.differs': 'a purge run says that a paper was destroyed, and it was not',
  'grant.open': 'an intent older than a day without an outcome',
  'destroyed.unlisted':
    'papers were destroyed that the list of the destroyed does not know: an older list was put back',
  'store.restored': 'a store is older than what was destroyed: nothing is served before `restore-check` was run',
  'trail.broken': 'a log of the trail does not verify',
  'file.missing': 'a file of the vault is not there',
  'file.corrupt': 'a database file is damaged',
  'file.mode': 'a file or folder that others than its owner may read or change',
  'file.foreign': 'something in the folders of the vault that it did not put there',
  'row.differs': 'a row and the columns beside it do not say the same',
} as const satisfies Record<string, string>

export type FindingCode = keyof typeof findingCodes

/** One thing that does not hold, by opaque ids and codes alone. */
export interface Finding {
  readonly code: FindingCode
  readonly tenant?: string
  readonly document?: string
  readonly subject?: string
  readonly review?: string
  readonly person?: string
  readonly run?: string
  /** Name of a wrapped key, or of a sealed body, as stored. */
  readonly key?: string
  readonly blob?: string
  readonly answer?: string
  readonly log?: string
  readonly index?: number
  readonly seq?: number
  /** Name of a file, relative to the data folder (`data/…`) or the folder of the key file (`keys/…`). */
  readonly file?: string
  /** Which field, rule or system code: a word of the code's own, never a value that was found. */
  readonly detail?: string
}
