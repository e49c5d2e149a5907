import type { PersonId } from './ids.ts'

/** Whoever signs in at an issuer is `oidc:<issuer's name>:<sub>`, unless the configuration names the person. */
const login = /^oidc:[^:]*:/

/** The person of a login as text; whether it fits a person's id is for `parsePersonId` to say. */
export function loginPersonText(issuerName: string, subject: string): string {
  return `oidc:${issuerName}:${subject}`
}

/** Who vouches that two different ids are two different people: one issuer each, and the vault's own list of API keys. */
function registerOf(person: PersonId): string {
  return login.exec(person)?.[0] ?? ''
}

/**
 * Whether two ids are surely two people. Different ids of one register are; ids of different registers may be one human with
 * an API key and a login, whom nobody has made equal or distinct knowingly: they never make four eyes.
 */
export function areTwoPersons(one: PersonId, other: PersonId): boolean {
  return one !== other && registerOf(one) === registerOf(other)
}
