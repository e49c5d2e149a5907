import type { Blobs } from './blobs.ts'
import type { Budgets } from './budgets.ts'
import type { Clock } from './clock.ts'
import type { Destroyed } from './destroyed.ts'
import type { Identity } from './identity.ts'
import type { Images } from './images.ts'
import type { Keyring } from './keyring.ts'
import type { Ledger } from './ledger.ts'
import type { Log } from './log.ts'
import type { Pdfs } from './pdfs.ts'
import type { Sniffer } from './sniffer.ts'
import type { TrailBatches } from './trail-batches.ts'
import type { WrappedKeys } from './wrapped-keys.ts'

/** The bundle that `backing.ts` makes and every verb takes a `Pick` of. */
export interface Ports {
  readonly ledger: Ledger
  readonly batches: TrailBatches
  readonly wrappedKeys: WrappedKeys
  readonly blobs: Blobs
  readonly destroyed: Destroyed
  readonly keyring: Keyring
  readonly images: Images
  readonly pdfs: Pdfs
  readonly sniffer: Sniffer
  readonly identity: Identity
  readonly budgets: Budgets
  readonly clock: Clock
  readonly log: Log
}
