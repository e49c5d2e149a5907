import type { StoredDocument } from '../../src/domain/document.ts'
import type { Finding } from '../../src/domain/finding.ts'
import type { DamageSite } from './damage-site.ts'
import type { Seeded } from './seeded.ts'

/** What one damage needs: papers that nothing else has hit. */
export interface Victims {
  /** Stored, its review pending with nobody. */
  plain(): StoredDocument
  /** Stored, its review held by somebody. */
  taken(): StoredDocument
  /** Stored, its review approved. */
  decided(): StoredDocument
}

/** Inflicts itself on the files and says exactly what `check` must find of it. */
export type Damage = (site: DamageSite, victims: Victims, chance: Seeded) => readonly Finding[]

/** How a finding names a paper, its body, its key. */
export const at = ({ tenant, id }: StoredDocument) => ({ tenant, document: id })
export const ofBlob = (document: StoredDocument) => ({ ...at(document), blob: document.blobKey })
export const ofKey = (document: StoredDocument) => ({ ...at(document), key: `doc/${document.messageId}` })
export const ofEntry = (document: StoredDocument, detail: string): Finding => ({
  code: 'storing-entry.differs',
  ...at(document),
  ...document.trail,
  detail,
})
