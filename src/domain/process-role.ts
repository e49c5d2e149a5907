/**
 * What a process of the vault is for; one process may be several. `intake` takes papers and events in, `access` shows what is
 * there and decides about it, `jobs` does what the clock asks for, `keys` wraps data keys anew. No two of sealing, opening,
 * rewrapping and destroying are one role's.
 */
export const processRoles = ['intake', 'access', 'jobs', 'keys'] as const
export type ProcessRole = (typeof processRoles)[number]
