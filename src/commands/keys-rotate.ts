import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { askRotation } from '../access/ask-rotation.ts'
import type { EpochView } from '../access/list-epochs.ts'
import { readConfig } from '../config.ts'
import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { TenantId } from '../domain/ids.ts'
import type { Beside } from '../guards/beside.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { beginAsked, type RotatedKey } from '../upkeep/begin-asked.ts'
import { noteEpochs } from '../upkeep/note-epochs.ts'
import { type AskAs, actAs, personsHelp, personsOptions, type RunningAnswer } from './act-as.ts'
import { type Command, complain, type ExitCode, exit, print, UsageError } from './command.ts'
import { openHere } from './reach.ts'

const rotations = '/v1/keys/rotations'

export const keysRotate: Command = {
  summary: 'begin a new epoch of the key that wraps papers’ keys; needs a second person',
  help: [
    'Usage: keys rotate --key-file <file> --second-key-file <file> | --approval <id>',
    '       keys rotate --asked',
    '',
    'Makes a new wrapping key, under which everything new is wrapped from then on, for every platform that shares the key',
    'before. What is stored is wrapped anew by `keys rewrap` or by the running vault; a day later, at the earliest, the old',
    'key comes to its end, and with it every copy of a data key that it wrapped, wherever it lies. Asked of a running embedded',
    'vault, which makes the key within five minutes; POST /v1/keys/rotations does the same.',
    ...personsHelp,
    '                            for epoch/<the active epoch, as `keys status` names it>',
    '  --asked                   make the keys that two persons asked for over HTTP within the last day; needs no API key. On KMS',
    '                            this is how: with the operator’s rights (`keys init --policies-only`, role rotate) and the',
    '                            database user `rewrap`. With two persons’ keys instead it needs the rights of `read` as well',
  ].join('\n'),
  async run(args) {
    const options = { ...personsOptions, asked: { type: 'boolean' } } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const { asked = false, ...persons } = values
    if (asked && Object.keys(persons).length > 0) throw new UsageError('--asked takes no API key.')
    if (asked) return rotateAsked()
    if (persons['second-key-file'] === undefined && persons.approval === undefined) {
      throw new UsageError('--key-file and --second-key-file (or --approval) name two persons.')
    }
    return actAs(persons, { here: rotateHere, there: rotateThere, roles: ['access', 'keys'] })
  },
}

async function rotateHere(vault: Vault, caller: Caller, beside: Beside): Promise<RotatedKey> {
  const tenant = tenantOf(vault, caller).id
  const { active: epoch } = await vault.keyring.epochs(tenant)
  await askRotation(vault, caller, { ...beside, epoch, idempotency: { scope: `POST ${rotations}`, key: randomUUID() } })
  const begun = await begin(vault, tenant)
  // Another process came first, and to the same end.
  if (!begun) throw new VaultError('keys.rotating', { detail: 'another process begins it now' })
  sayWhatFollows()
  return begun
}

async function rotateThere(ask: AskAs): Promise<RunningAnswer> {
  const known = await ask({ method: 'GET', path: '/v1/keys' })
  if (known.status !== 200) return known
  const { items } = known.json as { readonly items: readonly EpochView[] }
  const body = { epoch: items.find(({ state }) => state === 'active')?.epoch }
  const answer = await ask({ method: 'POST', path: rotations, body, idempotencyKey: randomUUID() })
  if (answer.status === 202) complain('The running vault makes the key within five minutes: see `keys status`.')
  return answer
}

/** As the vault itself: what two persons decided is on record, and nothing else is begun. */
async function rotateAsked(): Promise<ExitCode> {
  await using open = await openHere(readConfig(), '`keys rotate --asked` (it makes asked keys by itself)', ['keys'])
  const { vault } = open
  const failures: unknown[] = []
  for (const tenant of vault.tenants.keys()) {
    try {
      const begun = await begin(vault, tenant)
      if (begun) print(JSON.stringify({ tenant, ...begun }))
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
  sayWhatFollows()
  return exit.ok
}

async function begin(vault: Vault, tenant: TenantId): Promise<RotatedKey | undefined> {
  return beginAsked(vault, tenant, await noteEpochs(vault, tenant))
}

function sayWhatFollows(): void {
  complain('What is stored is under the former key still: run `keys rewrap`, or let the running vault do it.')
}
