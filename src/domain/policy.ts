import type { PaperType } from './media.ts'

/** The law or promise that a class of papers is kept under, as the person may be told of it. */
export interface LegalBasis {
  /** Such as `UU 8/2010 Art. 21(2)`. */
  readonly law: string
  /** ISO 3166 code of the country whose law it is. */
  readonly jurisdiction: string
  /** In plain words, for the person: why it is kept. */
  readonly words: string
  /** Where the law or the promise can be read; `demo:` while nobody has confirmed it. */
  readonly source: string
}

/** How long one type of paper is kept, and what a request to be deleted makes of it. */
export interface RetentionRule {
  /** Whole calendar years after the account was closed, as promised; at least `floorYears`. */
  readonly years: number
  /** The least that the law asks for, in whole calendar years after the account was closed; 0 where it asks for nothing. */
  readonly floorYears: number
  /** Name of the legal basis. */
  readonly basis: string
  /** `floor`: kept to the law's least under the basis; `shred`: destroyed before the answer is due. */
  readonly onDeletion: 'floor' | 'shred'
}

/** The clocks of one version of a tenant's policy; a document keeps the version that it came under. */
export interface RetentionPolicy {
  readonly version: number
  /** IANA time zone whose calendar days count. */
  readonly zone: string
  readonly rules: ReadonlyMap<PaperType, RetentionRule>
  readonly deletion: {
    /** Whole days from the request, or from closure where that is later, within which the person has an answer. */
    readonly answerDays: number
    /** Whole days after the same moment on which papers without a basis are destroyed; fewer than `answerDays`. */
    readonly shredAfterDays: number
  }
}

/** When and how a tenant's due papers are destroyed. */
export interface PurgeRule {
  /** Cron expression of five fields, read in the tenant's zone. */
  readonly schedule: string
  /** Whether a plan waits for a person other than the one who made it. */
  readonly approval: boolean
  /** Most papers of one run; a longer list is refused until a person looks at it. */
  readonly maxPerRun: number
  /** Days for which backups of the wrapped keys live: R of a certificate's `backupsBy`. */
  readonly keyBackupDays: number
}

/** A contradiction between a tenant's promises, and what was decided about it. */
export interface PolicyDecision {
  readonly id: string
  readonly contradiction: string
  readonly decision: string
  readonly reason: string
}
