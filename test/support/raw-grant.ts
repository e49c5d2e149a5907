import type { Grant } from '../../src/domain/grant.ts'

/**
 * A grant in type only, for suites that run adapters below the gate: adapters never look at it, and the gate refuses it
 * (test/unit/admit.test.ts).
 */
export const rawGrant = Object.freeze({}) as unknown as Grant
