import type { Action } from './permission.ts'

/**
 * Proof that an action was decided and that its entry is durable. `guards/admit.ts` alone mints one: the brand is not
 * exported, so no other file can write a value of this type, and the guards refuse at run time one they did not mint.
 */
declare const granted: unique symbol
export interface Grant<A extends Action = Action> {
  readonly [granted]: A
  readonly action: A
  /** Where the intent stands in the trail. */
  readonly intent: { readonly log: string; readonly index: number; readonly id: string; readonly leafHash: string }
}

/**
 * What settling a grant leaves: the right to exactly one closing commit, made after the outcome entry is durable. Where no
 * commit follows it is simply dropped.
 */
declare const settled: unique symbol
export interface Settlement {
  readonly [settled]: true
  /** Where the outcome stands in the trail. */
  readonly outcome: { readonly log: string; readonly index: number }
}
