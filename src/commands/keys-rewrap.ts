import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import type { Vault } from '../guards/vault.ts'
import { continueEpochs, rewrapLease, rewrapLeaseMs } from '../upkeep/continue-epochs.ts'
import type { RewrapProgress } from '../upkeep/rewrap.ts'
import { type Command, complain, exit, print } from './command.ts'
import { openHere } from './reach.ts'
import { stopSignal } from './signals.ts'

export const keysRewrap: Command = {
  summary: 'go on with every rotation of keys that two persons began',
  help: [
    'Usage: keys rewrap [--retire]',
    '',
    'Wraps every data key that is under a former key anew under the active one, platform by platform, and shows how far it',
    'is. Papers stay as they are. It begins nothing: only `keys rotate` does. It may be stopped at any point (Ctrl+C, a power',
    'cut) and run again; the running vault goes on by itself too, and only one of them works at a time. Then it takes the steps',
    'that are due: ten minutes after the last key the proof that none is left. It acts as the vault itself and needs no API key.',
    'A running embedded vault needs none of it: `keys status` and GET /v1/keys tell how far it is. On KMS it needs ReEncrypt alone.',
    '  --retire  also disable a key that nothing needs any more, and a day later order its end; on KMS this needs the operator’s',
    '            rights, see `keys init --policies-only`, role retire',
    '',
    'Exit codes: 0 what could be done now is done or was stopped, 1 a key is not the one on record, 3 not available now.',
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { retire: { type: 'boolean' } }, strict: true })
    const config = readConfig()
    const stopping = new AbortController()
    void stopSignal().then(() => stopping.abort())
    await using open = await openHere(
      config,
      '`keys rewrap`, or let it go on by itself (`keys status` tells how far it is)',
      ['keys'],
    )
    const { vault } = open
    const progress = new Progress()
    const retire = values.retire ?? vault.keyring.ownsEpochs
    const count = await underLease(
      vault,
      signal => continueEpochs(vault, { signal, retire, onProgress: one => progress.show(one) }),
      stopping.signal,
    )
    progress.end()
    if (count === undefined) {
      complain('Another process is rewrapping keys now.')
      return exit.unavailable
    }
    print(`${count} data keys wrapped anew and steps taken`)
    return exit.ok
  },
}

/** Again under a new lease when one ran out on the way. @returns undefined where another process holds it */
async function underLease(
  vault: Vault,
  run: (signal: AbortSignal) => Promise<number>,
  stop: AbortSignal,
): Promise<number | undefined> {
  let count = 0
  for (;;) {
    const fence = await vault.ledger.takeLease(rewrapLease, vault.instance, vault.clock.nowMs(), rewrapLeaseMs)
    if (fence === undefined) return undefined
    // A batch ends a while after its signal.
    const lease = AbortSignal.timeout(rewrapLeaseMs - 60_000)
    try {
      count += await run(AbortSignal.any([stop, lease]))
    } finally {
      await vault.ledger.dropLease(rewrapLease, vault.instance)
    }
    if (stop.aborted || !lease.aborted) return count
  }
}

/** For a person who waits at a terminal one line that moves; for a log a line for each platform that is done. */
class Progress {
  #isOpen = false

  show({ tenant, count, total }: RewrapProgress): void {
    const line = `${tenant}: ${count} of ${total} data keys`
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K${line}`)
      this.#isOpen = true
    } else if (count >= total) complain(line)
  }

  end(): void {
    if (this.#isOpen) complain('')
  }
}
