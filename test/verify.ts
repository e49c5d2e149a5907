import { spawnSync } from 'node:child_process'

/**
 * `npm run verify`: everything a change must pass, cheapest first; it stops with exit 1 at the first that fails. A step is silent
 * unless it fails, but for the tests, which say what they do. `--without-tests` leaves those out.
 */
interface Step {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  readonly loud?: true
}

/** Weak copyleft is taken only where it is a separate, unmodified library that is loaded at run time. */
const licences = ['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0']
const licenceExceptions = ['@img/sharp-libvips']

const steps: readonly Step[] = [
  {
    name: 'format and lint',
    command: ['biome', 'ci', '--colors=off', '--diagnostic-level=warn', '--error-on-warnings', '.'],
  },
  { name: 'types', command: ['tsc', '-p', '.'] },
  { name: 'promises and types, by lint', command: ['oxlint', '--type-aware', '--deny-warnings', '--format=unix'] },
  { name: 'dead code', command: ['knip'] },
  {
    name: 'licences',
    command: [
      'license-checker-rseidelsohn',
      '--production',
      '--excludePrivatePackages',
      '--excludePackagesStartingWith',
      licenceExceptions.join(';'),
      '--onlyAllow',
      licences.join(';'),
    ],
  },
  { name: 'lock file', command: [process.execPath, 'test/run.ts', 'test/repo/supply'] },
  { name: 'tests', command: [process.execPath, 'test/run.ts'], loud: true },
]

process.chdir(new URL('..', import.meta.url).pathname)
const withoutTests = process.argv.includes('--without-tests')
for (const step of steps.filter(({ loud }) => !(loud && withoutTests))) {
  if (!run(step)) process.exit(1)
}

function run({ name, command: [file, ...args], loud }: Step): boolean {
  const startedMs = performance.now()
  const path = `${process.cwd()}/node_modules/.bin:${process.env.PATH ?? ''}`
  const ended = spawnSync(file, args, {
    stdio: loud ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
    maxBuffer: 64 * 1024 * 1024,
  })
  const ok = ended.status === 0
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'}  ${name}, ${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`)
  if (!ok && !loud) process.stdout.write(`${ended.error?.message ?? ''}${ended.stdout ?? ''}${ended.stderr ?? ''}\n`)
  return ok
}
