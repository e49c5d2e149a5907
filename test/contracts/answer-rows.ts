import type { Subject } from '../../src/domain/subject.ts'
import { aSubject, elsewhere } from './ledger-rows.ts'

/**
 * Persons who asked to be deleted, or did not, in every way in which the time for an answer begins or does not. Of the tenant
 * `here` two have begun to wait: at 5 and at 9, in this order at the front.
 */
export function answersWaiting(): readonly Subject[] {
  const asked = { deletionAskedAtMs: 5 }
  return [
    aSubject({ ...asked, closedAtMs: 3 }),
    aSubject({
      closedAtMs: 9,
      reopenedAtMs: 2,
      deletionAskedAtMs: 8,
      deletionAskedBeforeMs: [4, 6],
      deletionAnswered: { askedAtMs: 4, answeredAtMs: 5 },
    }),
    aSubject({ ...asked }),
    aSubject({ closedAtMs: 3 }),
    aSubject({ ...asked, closedAtMs: 4, reopenedAtMs: 4 }),
    aSubject({ ...asked, closedAtMs: 8, reopenedAtMs: 6 }),
    aSubject({ ...asked, closedAtMs: 8, deletionAnswered: { askedAtMs: 5, answeredAtMs: 7 } }),
    aSubject({ ...asked, closedAtMs: 3, tenant: elsewhere }),
  ]
}
