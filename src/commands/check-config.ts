import { parseArgs } from 'node:util'
import { readConfig, readSoundParts, type SoundParts } from '../config.ts'
import type { SettingFinding } from '../domain/deployment.ts'
import { inspectSettings, problemsOf } from '../settings-check.ts'
import { askTls } from './ask-tls.ts'
import { type Command, type ExitCode, exit, print, UsageError } from './command.ts'
import { rolesFrom } from './roles.ts'

export const checkConfig: Command = {
  summary: 'say everything that is wrong with the settings and what they name',
  help: [
    'Usage: check-config [--as intake|access|jobs|keys]… [--tls <host[:port]>] [--json]',
    '',
    'Reads every setting and the policy of every tenant, and in production asks MongoDB (version, replica set, form, unique',
    'rules, trail), S3 (region, versions, encryption, public access, replication) and KMS (keys, their state, kind and region)',
    'about themselves, with the credentials it is run with. It changes nothing and opens no paper. `serve` refuses to start on',
    'each problem that is found here; a remark is for you to know.',
    '  --as <roles>  what the process will be for, as with `serve`',
    '  --tls <host>  also shake hands with what ends TLS there: below VAULT_TLS_FLOOR it must refuse',
    '  --json        one JSON object {findings, ok} on standard output instead',
    '',
    'Exit codes: 0 no problem, 2 at least one, 3 none, but something does not answer.',
  ].join('\n'),
  async run(args) {
    const options = {
      as: { type: 'string', multiple: true },
      tls: { type: 'string' },
      json: { type: 'boolean' },
    } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const findings = await everyFinding(rolesFrom(values.as), values.tls)
    const code = codeFor(findings)
    if (values.json) print(JSON.stringify({ findings, ok: code === exit.ok }, undefined, 2))
    else for (const finding of findings) print(lineOf(finding))
    if (!values.json && code === exit.ok) print('nothing stands against a start')
    return code
  },
}

async function everyFinding(
  roles: ReturnType<typeof rolesFrom>,
  tls: string | undefined,
): Promise<readonly SettingFinding[]> {
  const reading = Promise.try(readConfig)
  const wrong = (await problemsOf(reading)).map(problem => ({ weight: 'problem', ...problem }) as const)
  const config: SoundParts = wrong.length > 0 ? readSoundParts() : await reading
  if (tls !== undefined && config.backing === 'embedded')
    throw new UsageError('--tls is for production, which has a VAULT_TLS_FLOOR.')
  const floor = config.deployment?.tlsFloor
  const found = await Promise.all([
    inspectSettings(config, roles),
    tls === undefined || floor === undefined ? [] : askTls(tls, floor),
  ])
  return [...wrong, ...found.flat()]
}

function codeFor(findings: readonly SettingFinding[]): ExitCode {
  if (findings.some(({ weight }) => weight === 'problem')) return exit.usage
  return findings.some(({ weight }) => weight === 'unreachable') ? exit.unavailable : exit.ok
}

const lineOf = ({ weight, field, message }: SettingFinding): string => `${weight.padEnd(11)} ${field}: ${message}`
