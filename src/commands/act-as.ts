import { readConfig } from '../config.ts'
import type { Caller } from '../domain/caller.ts'
import { parseApprovalId } from '../domain/ids.ts'
import type { ProcessRole } from '../domain/process-role.ts'
import type { Beside } from '../guards/beside.ts'
import type { Vault } from '../guards/vault.ts'
import { type ExitCode, exit, print, UsageError } from './command.ts'
import { readSecretLine } from './private-file.ts'
import { askRunning, callerOf, type HttpRequest, printAnswer, reachVault } from './reach.ts'

export const keyHelp = '  --key-file <file>         the API key you act as, one line, mode 0600'
export const personsHelp = [
  keyHelp,
  '  --second-key-file <file>  the API key of the second person, who stands beside you; or',
  '  --approval <id>           the vote that they cast before, over HTTP: POST /v1/approvals',
]
export const personsOptions = {
  'key-file': { type: 'string' },
  'second-key-file': { type: 'string' },
  approval: { type: 'string' },
} as const

/** Who a command acts as, as it was told. */
export interface Persons {
  readonly 'key-file'?: string
  readonly 'second-key-file'?: string
  readonly approval?: string
}

export interface RunningAnswer {
  readonly status: number
  readonly json: unknown
}

/** Asks the running vault as these persons. */
export type AskAs = (request: Omit<HttpRequest, 'key' | 'secondKey' | 'approval'>) => Promise<RunningAnswer>

export interface Deed {
  /** While no vault runs. @returns what is printed as JSON */
  readonly here: (vault: Vault, caller: Caller, beside: Beside) => Promise<unknown>
  /** Through the running vault. */
  readonly there: (ask: AskAs) => Promise<RunningAnswer>
  /** What the command needs the rights of where it opens the vault itself. */
  readonly roles?: readonly ProcessRole[]
}

/** Does it as these persons, in the running vault or in one that is opened for it, and prints what came of it. */
export async function actAs(persons: Persons, { here, there, roles = ['access'] }: Deed): Promise<ExitCode> {
  const keyFile = persons['key-file']
  if (keyFile === undefined) throw new UsageError('--key-file names the API key you act as.')
  const approval = approvalOf(persons)
  const key = await readSecretLine(keyFile)
  const secondFile = persons['second-key-file']
  const secondKey = secondFile === undefined ? undefined : await readSecretLine(secondFile)
  const reached = await reachVault(readConfig(), roles)
  if ('runningAt' in reached) {
    const url = reached.runningAt
    return printAnswer(await there(request => askRunning(url, { ...request, key, secondKey, approval: approval?.id })))
  }
  await using open = reached
  const { vault } = open
  const caller = await callerOf(vault, key)
  const second = secondKey === undefined ? {} : { second: await callerOf(vault, secondKey) }
  print(JSON.stringify(await here(vault, caller, { ...second, ...approval?.beside }), undefined, 2))
  return exit.ok
}

/** @throws {UsageError} not the id of an approval */
export function approvalOf({ approval: id }: Persons): { readonly id: string; readonly beside: Beside } | undefined {
  if (id === undefined) return undefined
  const approval = parseApprovalId(id)
  if (!approval) throw new UsageError('--approval must be the id of an approval.')
  return { id, beside: { approval } }
}
