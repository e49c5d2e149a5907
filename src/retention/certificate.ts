import type { PurgingDocument } from '../domain/document.ts'
import type { Detail } from '../domain/entry.ts'
import type { PersonId } from '../domain/ids.ts'
import { dayIn } from '../domain/retention.ts'
import type { Tenant } from '../domain/tenant.ts'
import { openKeyKeptMs } from '../guards/open-keys.ts'

const dayMs = 86_400_000

/**
 * What a certificate of destruction says, as the detail of its entry: when the paper opens nowhere in the live system (`live`),
 * when the last backup of the wrapped keys that held its key is gone (`backupsBy`), and under which epoch that key was. Of
 * people it names who brought the paper in and who decided its erasure. No key, no size, no hash of anything.
 */
export function certificateOf(
  { purge, policyVersion, purgingSinceMs, type, depositedBy }: PurgingDocument,
  tenant: Tenant,
  nowMs: number,
): Detail {
  return {
    kind: purge.kind,
    type,
    basis: purge.basis,
    ...ownersIn({ depositedBy, decidedBy: purge.decidedBy }),
    dueOn: purge.dueOn ?? dayIn(purgingSinceMs, tenant.zone),
    policyVersion: purge.policyVersion ?? policyVersion,
    epoch: purge.epoch ?? 'unknown',
    live: new Date(nowMs + openKeyKeptMs).toISOString(),
    backupsBy: new Date(nowMs + tenant.purge.keyBackupDays * dayMs).toISOString(),
    ...(purge.run === undefined ? {} : { run: purge.run }),
  }
}

/** Whose own the tombstone is, as its certificate says it too. */
export function ownersIn({
  depositedBy,
  decidedBy,
}: {
  readonly depositedBy?: PersonId | undefined
  readonly decidedBy?: readonly PersonId[] | undefined
}): Detail {
  return {
    ...(depositedBy === undefined ? {} : { depositedBy }),
    ...(decidedBy === undefined ? {} : { decidedBy }),
  }
}
