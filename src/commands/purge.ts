import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import { type PurgeRunId, parsePurgeRunId } from '../domain/ids.ts'
import { limits } from '../domain/media.ts'
import type { PurgeRun } from '../domain/purge-run.ts'
import { type PurgeRunView, viewRun } from '../domain/purge-view.ts'
import type { Answered } from '../guards/idempotency.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { approvePurge } from '../retention/approve-purge.ts'
import { executePurge } from '../retention/execute-purge.ts'
import { requestPlan } from '../retention/plan-purge.ts'
import { purgeCaller } from '../retention/purge-caller.ts'
import { describePurgeRun, listPurgeRuns } from '../retention/read-purge-runs.ts'
import { requestPurge } from '../retention/request-purge.ts'
import { type Command, type ExitCode, exit, print, UsageError } from './command.ts'
import { readSecretLine } from './private-file.ts'
import { askRunning, callerOf, type HttpRequest, printAnswer, reachVault } from './reach.ts'
import { stopSignal } from './signals.ts'

const runs = '/v1/purge-runs'
const pollMs = 500
const keyHelp = '  --key-file <file>     the API key you act as, one line, mode 0600; the platform is the key’s'
const hashHelp = '  --plan-hash <hash>    of the list, as `purge plan` printed it'

export const purgePlan: Command = {
  summary: 'rehearse a purge: what is due, with a hash over the list; destroys nothing',
  help: [
    'Usage: purge plan [--as-of <instant>] --key-file <file>',
    '',
    'Lists exactly what would be destroyed, and prints the run with the hash of its list. An older open plan becomes stale.',
    '  --as-of <instant>     what is due at this time, such as 2033-01-01T00:00:00Z; now when absent, never in the future',
    keyHelp,
  ].join('\n'),
  async run(args) {
    const options = { 'as-of': { type: 'string' }, 'key-file': { type: 'string' } } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const asOf = values['as-of']
    const asOfMs = asOf === undefined ? undefined : instantFrom(asOf)
    const body = { step: 'plan', ...(asOf === undefined ? {} : { asOf }) }
    return act(values['key-file'], ['access'], {
      there: (url, key) => ask(url, { method: 'POST', path: runs, key, body, idempotencyKey: randomUUID() }),
      here: async (vault, caller, signal) => {
        const idempotency = { scope: `POST ${runs}`, key: randomUUID() }
        const onProgress = (items: number): void => progress(`${items} due`)
        const at = asOfMs === undefined ? {} : { asOfMs }
        return jsonOf(await requestPlan(vault, caller, { ...at, idempotency, signal, onProgress }))
      },
    })
  },
}

export const purgeApprove: Command = {
  summary: 'approve exactly this list, as another person than the one who planned it',
  help: [
    'Usage: purge approve --run <id> --plan-hash <hash> --key-file <file>',
    '',
    '  --run <id>            of the run',
    hashHelp,
    keyHelp,
  ].join('\n'),
  async run(args) {
    const options = {
      run: { type: 'string' },
      'plan-hash': { type: 'string' },
      'key-file': { type: 'string' },
    } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const [run, planHash] = [runFrom(values.run), hashFrom(values['plan-hash'])]
    return act(values['key-file'], ['access'], {
      there: (url, key) => ask(url, { method: 'POST', path: `${runs}/${run}/approval`, key, body: { planHash } }),
      here: (vault, caller) => approvePurge(vault, caller, { run, planHash }),
    })
  },
}

export const purgeExecute: Command = {
  summary: 'destroy what a plan lists and is still due, and wait until it is done',
  help: [
    'Usage: purge execute --plan-hash <hash> --key-file <file>',
    '',
    'Asks for the execution of the open plan with this hash and follows it. While no vault runs, it is done here. Stopped with',
    'Ctrl+C, what is left goes on by the same command, or within a minute once a vault runs.',
    hashHelp,
    keyHelp,
  ].join('\n'),
  async run(args) {
    const options = { 'plan-hash': { type: 'string' }, 'key-file': { type: 'string' } } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const planHash = hashFrom(values['plan-hash'])
    return act(values['key-file'], ['access', 'jobs'], {
      there: (url, key) => executeThere(url, key, planHash),
      here: (vault, caller, signal) => executeHere(vault, caller, planHash, signal),
    })
  },
}

export const purgeStatus: Command = {
  summary: 'show purge runs and how far they are',
  help: [
    'Usage: purge status [--run <id>] --key-file <file>',
    '',
    'Prints one run, or the newest ones, as JSON.',
    '  --run <id>            of the run',
    keyHelp,
  ].join('\n'),
  async run(args) {
    const options = { run: { type: 'string' }, 'key-file': { type: 'string' } } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const run = values.run === undefined ? undefined : runFrom(values.run)
    const path = run === undefined ? `${runs}?limit=${limits.page.maxItems}` : `${runs}/${run}`
    return act(values['key-file'], ['access'], {
      there: (url, key) => ask(url, { method: 'GET', path, key }),
      here: (vault, caller) =>
        run === undefined
          ? listPurgeRuns(vault, caller, { limit: limits.page.maxItems })
          : describePurgeRun(vault, caller, run),
    })
  },
}

interface Deed {
  /** Through the running vault. @returns the JSON to print; throws `Refused` for any other answer than a good one */
  readonly there: (url: string, key: string) => Promise<unknown>
  /** While no vault runs. */
  readonly here: (vault: Vault, caller: Caller, signal: AbortSignal) => Promise<unknown>
}

/** The running vault's answer was no good one: it is printed as it came. */
class Refused extends Error {
  readonly answer: { readonly status: number; readonly json: unknown }

  constructor(answer: { readonly status: number; readonly json: unknown }) {
    super('refused')
    this.answer = answer
  }
}

async function act(
  keyFile: string | undefined,
  roles: Parameters<typeof reachVault>[1],
  { there, here }: Deed,
): Promise<ExitCode> {
  if (keyFile === undefined) throw new UsageError('--key-file names the API key you act as.')
  const key = await readSecretLine(keyFile)
  const reached = await reachVault(readConfig(), roles)
  if ('runningAt' in reached) {
    try {
      print(JSON.stringify(await there(reached.runningAt, key), undefined, 2))
      return exit.ok
    } catch (error) {
      if (error instanceof Refused) return printAnswer(error.answer)
      throw error
    }
  }
  await using open = reached
  const stopping = new AbortController()
  void stopSignal().then(() => stopping.abort())
  const caller = await callerOf(open.vault, key)
  print(JSON.stringify(await here(open.vault, caller, stopping.signal), undefined, 2))
  return exit.ok
}

async function ask(url: string, request: HttpRequest): Promise<unknown> {
  const answer = await askRunning(url, request)
  if (answer.status >= 300) throw new Refused(answer)
  return answer.json
}

async function executeThere(url: string, key: string, planHash: string): Promise<unknown> {
  const body = { step: 'execute', planHash }
  let run = (await ask(url, { method: 'POST', path: runs, key, body, idempotencyKey: randomUUID() })) as PurgeRunView
  while (run.state !== 'done' && run.state !== 'stale') {
    progress(progressOf(run))
    await setTimeout(pollMs)
    run = (await ask(url, { method: 'GET', path: `${runs}/${run.id}`, key })) as PurgeRunView
  }
  progress()
  return run
}

async function executeHere(vault: Vault, caller: Caller, planHash: string, signal: AbortSignal): Promise<PurgeRunView> {
  const idempotency = { scope: `POST ${runs}`, key: randomUUID() }
  const { id } = jsonOf(await requestPurge(vault, caller, { planHash, idempotency })) as { readonly id: PurgeRunId }
  const onProgress = (run: PurgeRun): void => progress(progressOf(run))
  const done = await executePurge(vault, purgeCaller(vault, tenantOf(vault, caller).id), {
    run: id,
    signal,
    onProgress,
  })
  progress()
  if (!done) throw new VaultError('purge.state', { detail: 'another process executes it' })
  return viewRun(done, vault.clock.nowMs())
}

function progressOf({ destroyed, spared, failed, count }: Pick<PurgeRun, 'destroyed' | 'spared' | 'failed' | 'count'>) {
  return `${destroyed} of ${count} destroyed, ${spared} spared, ${failed} failed`
}

/** For a person who waits at a terminal; without a text the line ends. */
function progress(text?: string): void {
  if (process.stderr.isTTY) process.stderr.write(text === undefined ? '\n' : `\r${text} …`)
}

const jsonOf = ({ body }: Answered): unknown => JSON.parse(body)

function runFrom(text: string | undefined): PurgeRunId {
  const run = parsePurgeRunId(text ?? '')
  if (!run) throw new UsageError('--run must be the id of a run.')
  return run
}

function hashFrom(text: string | undefined): string {
  if (!/^[0-9a-f]{64}$/.test(text ?? '')) throw new UsageError('--plan-hash must be 64 hex digits.')
  return text ?? ''
}

function instantFrom(text: string): number {
  try {
    return Temporal.Instant.from(text).epochMilliseconds
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError('--as-of must be a time such as 2033-01-01T00:00:00Z.')
    throw error
  }
}
