import { isUnavailable, VaultError } from '../domain/errors.ts'
import { type Command, complain, type ExitCode, exit, print, UsageError } from './command.ts'

/** Each command is loaded only when it is called: the start of the server does not wait for the others. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serve,
  'check-config': async () => (await import('./check-config.ts')).checkConfig,
  check: async () => (await import('./check.ts')).check,
  migrate: async () => (await import('./migrate.ts')).migrate,
  'keys init': async () => (await import('./keys-init.ts')).keysInit,
  'keys rotate': async () => (await import('./keys-rotate.ts')).keysRotate,
  'keys rewrap': async () => (await import('./keys-rewrap.ts')).keysRewrap,
  'keys status': async () => (await import('./keys-status.ts')).keysStatus,
  'purge plan': async () => (await import('./purge.ts')).purgePlan,
  'purge approve': async () => (await import('./purge.ts')).purgeApprove,
  'purge execute': async () => (await import('./purge.ts')).purgeExecute,
  'purge status': async () => (await import('./purge.ts')).purgeStatus,
  'purge confirm-clock': async () => (await import('./purge-clock.ts')).purgeConfirmClock,
  backup: async () => (await import('./backup.ts')).backup,
  'restore-check': async () => (await import('./restore-check.ts')).restoreCheck,
  'trail verify': async () => (await import('./trail-verify.ts')).trailVerify,
  'caller add': async () => (await import('./caller.ts')).callerAdd,
  'caller bootstrap': async () => (await import('./caller-bootstrap.ts')).callerBootstrap,
  'caller deny-token': async () => (await import('./caller.ts')).callerDenyToken,
  'caller list': async () => (await import('./caller.ts')).callerList,
  'caller revoke': async () => (await import('./caller.ts')).callerRevoke,
  'policy check': async () => (await import('./policy-check.ts')).policyCheck,
  'policy explain': async () => (await import('./policy-explain.ts')).policyExplain,
  'export-document': async () => (await import('./export-document.ts')).exportDocument,
  config: async () => (await import('./config.ts')).showConfig,
}

/**
 * Runs the command that the arguments name.
 * @returns the code to exit with; what went wrong has been said on standard error, without a paper's or a person's data
 */
export async function runCommand(args: readonly string[]): Promise<ExitCode> {
  const [first, second] = args
  if (first === undefined || first === 'help' || first === '--help') {
    print(await overview())
    return first === undefined ? exit.usage : exit.ok
  }
  const name = Object.hasOwn(commands, first) ? first : `${first} ${second ?? ''}`.trim()
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!load) {
    complain(`There is no command \`${name}\`; \`help\` lists them all.`)
    return exit.usage
  }
  const command = await load()
  const rest = args.slice(name.split(' ').length)
  if (rest.includes('--help')) {
    print(command.help)
    return exit.ok
  }
  try {
    return await command.run(rest)
  } catch (error) {
    return explain(error, name)
  }
}

async function overview(): Promise<string> {
  const { variableLines } = await import('../settings.ts')
  const lines = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => `  ${name.padEnd(18)} ${(await load()).summary}`),
  )
  return [
    'Usage: npm run vault -- <command> [options]; each command explains itself with --help.',
    '',
    ...lines,
    '',
    'Exit codes: 0 ok, 1 problems found or refused, 2 wrong use or settings, 3 not available now, 70 a defect.',
    '',
    'Settings, from the environment:',
    ...variableLines(),
  ].join('\n')
}

function explain(error: unknown, name: string): ExitCode {
  if (error instanceof UsageError || isArgumentError(error)) {
    complain(`${error.message}\n\`${name} --help\` explains.`)
    return exit.usage
  }
  if (!(error instanceof VaultError)) {
    complain(framesOf(error))
    return exit.defect
  }
  const { problems, detail, field } = error.facts
  if (problems) for (const problem of problems) complain(`${problem.field}: ${problem.message}`)
  else complain([error.code, detail ?? field].filter(part => part !== undefined).join(': '))
  if (error.code === 'config.invalid') return exit.usage
  return isUnavailable(error.code) ? exit.unavailable : exit.refused
}

/** Where a defect came up, without its message, which may quote what it was working on. */
function framesOf(error: unknown): string {
  if (!(error instanceof Error)) return `A defect: ${typeof error}`
  const code = 'code' in error ? `:${String(error.code)}` : ''
  const frames = (error.stack ?? '').split('\n').filter(line => line.startsWith('    at '))
  return [`A defect: ${error.name}${code}`, ...frames].join('\n')
}

/** What node:util's parseArgs throws names options, which are the caller's own words. */
function isArgumentError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_')
}
