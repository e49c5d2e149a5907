import type { PaperType } from './media.ts'

/**
 * Least whole calendar years after the end of the relationship for which a type of paper is kept, by law: records of who a
 * customer is. A tenant's policy may ask for more, never for less. What proves no identity has no floor of its own here.
 *
 * @source UU 8/2010 (Indonesia, money laundering) Art. 21(2); FATF Recommendation 11
 */
export const statutoryFloorYears: Readonly<Record<PaperType, number>> = {
  id: 5,
  address: 5,
  selfie: 0,
  payment_ownership: 0,
}

/**
 * Most whole days within which a person who asked to be deleted is answered; a policy may promise fewer.
 *
 * @source GDPR Art. 12(3): one month, of which the shortest that follows a request on any day but one has 30 days
 */
export const mostAnswerDays = 30
