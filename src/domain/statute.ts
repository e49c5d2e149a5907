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

const indonesia: ReadonlySet<string> = new Set(['ap-southeast-3'])

/**
 * Whether papers of a platform under this country's law may lie in this region only with a safeguard that is named: abroad, as
 * seen from Indonesia. A region that is not known to lie there is abroad.
 *
 * @param jurisdiction ISO 3166 code, with `demo:` before it while nobody has confirmed it
 * @source UU 27/2022 Art. 56: transfer needs equal protection, binding safeguards, or consent
 */
export function needsSafeguard(jurisdiction: string, region: string): boolean {
  return /^(?:demo:)?ID(?:-|$)/.test(jurisdiction) && !indonesia.has(region)
}
