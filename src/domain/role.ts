/** Every role a credential can carry, and the vault's own. */
export const roles = [
  'onboarding',
  'reviewer',
  'senior-reviewer',
  'support',
  'dpo',
  'legal',
  'auditor',
  'purge',
  'admin',
  'system',
] as const
/** `system` is the vault itself (start, sweeps, first keys); no key and no token can carry it. */
export type Role = (typeof roles)[number]
