/**
 * Why two people destroy a paper before its time; a closed list, since free text about a person has no place here.
 * `uploaded-in-error` never meant to be here · `unlawful-collection` should never have been asked for · `subject-request` the
 * person asked, and no law keeps it · `court-order`.
 */
export const erasureReasons = ['uploaded-in-error', 'unlawful-collection', 'subject-request', 'court-order'] as const
export type ErasureReason = (typeof erasureReasons)[number]
