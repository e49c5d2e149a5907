import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { needsProgram } from '../support/needs.ts'
import { type Plain, readPlainYaml } from '../support/plain-yaml.ts'

const top = new URL('../../', import.meta.url)
const startScript = (JSON.parse(readFileSync(new URL('package.json', top), 'utf8')) as { scripts: { start: string } })
  .scripts.start
const textOf = (name: string): string => readFileSync(new URL(name, top), 'utf8')

interface Instruction {
  readonly name: string
  readonly value: string
}

/** The instructions of the Dockerfile in order, continued lines joined, comments gone. */
const instructions: readonly Instruction[] = textOf('Dockerfile')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter(line => line.trim() !== '')
  .map(line => {
    const [, name = '', value = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? assert.fail(`not understood: ${line}`)
    return { name, value }
  })

const valuesOf = (name: string): readonly string[] =>
  instructions.filter(one => one.name === name).map(({ value }) => value)

function at(plain: Plain | undefined, ...path: readonly string[]): Plain | undefined {
  if (path.length === 0 || plain === undefined) return plain
  if (typeof plain === 'string' || Array.isArray(plain)) return undefined
  const [first = '', ...rest] = path
  return at((plain as { readonly [name: string]: Plain })[first], ...rest)
}

const compose = readPlainYaml(textOf('docker-compose.yml'))
const vault = at(compose, 'services', 'vault')

test('the image stands on the slim image of Node 26, which a deployment can pin by digest', () => {
  assert.deepEqual(valuesOf('ARG'), ['NODE_IMAGE=node:26-bookworm-slim'])
  assert.deepEqual(valuesOf('FROM'), [`\${NODE_IMAGE} AS packages`, `\${NODE_IMAGE}`])
})

test('packages come from the lock file, without those for development', () => {
  const installs = valuesOf('RUN').filter(run => /\b(npm|yarn|npx|apt|curl|wget)\b/.test(run))
  assert.equal(installs.length, 1)
  assert.match(installs[0] ?? '', /^npm ci --omit=dev /)
  assert.ok(valuesOf('COPY').includes('package.json package-lock.json .npmrc ./'))
})

test('the process is no root and its code belongs to root', () => {
  assert.equal(valuesOf('USER').at(-1), 'node')
  const last = instructions.findLastIndex(({ name }) => name === 'USER')
  assert.ok(instructions.slice(last).every(({ name }) => name !== 'RUN' && name !== 'COPY'))
  for (const copy of valuesOf('COPY')) assert.doesNotMatch(copy, /--chown/)
})

test('data and keys are two volumes, private to the user, and neither lies in the other', () => {
  assert.deepEqual(valuesOf('VOLUME'), ['["/data", "/keys"]'])
  assert.match(valuesOf('ENV').join(' '), /VAULT_DATA_DIR=\/data VAULT_KEYS_DIR=\/keys/)
  assert.ok(valuesOf('RUN').some(run => run.includes('install -d -o node -g node -m 0700 /data /keys')))
})

test('compiled code is made by the user who runs it, and the keys of that start are not in the image', () => {
  const warming = instructions.findIndex(({ name, value }) => name === 'RUN' && value.includes('src/main.js serve'))
  const user = instructions.slice(0, warming).findLast(({ name }) => name === 'USER')
  assert.equal(user?.value, 'node')
  assert.match(instructions[warming]?.value ?? '', /VAULT_KEYS_DIR=\/tmp\/warm\/keys .*&& rm -rf \/tmp\/warm$/)
  assert.ok(valuesOf('RUN').some(run => run === 'chown -R root:root .cache && chmod -R a+rX,a-w .cache'))
})

test('the health of the container is what /livez says, asked by Node itself', () => {
  const [check] = valuesOf('HEALTHCHECK')
  assert.match(check ?? '', /CMD \["node", "-e", "fetch\('http:\/\/127\.0\.0\.1:8080\/livez'\)/)
  assert.match(
    JSON.stringify(at(vault, 'healthcheck', 'test')),
    /^\["CMD","node","-e","fetch\('http:\/\/127\.0\.0\.1:8080\/livez'\)/,
  )
})

test('it is started without a shell, so that SIGTERM reaches it, and has longer to stop than it needs', () => {
  const flag = /--initial-heap-size=\d+/.exec(startScript)?.[0]
  assert.deepEqual(valuesOf('ENTRYPOINT'), [`["node", "${flag}", "src/main.js"]`])
  assert.ok(
    valuesOf('RUN').some(run => run.includes(`node ${flag} src/main.js serve`)),
    'warmed as it is started',
  )
  assert.deepEqual(valuesOf('CMD'), ['["serve"]'])
  assert.deepEqual(valuesOf('STOPSIGNAL'), ['SIGTERM'])
  assert.equal(at(vault, 'stop_grace_period'), '15s')
})

test('the container has no rights, a root that cannot be written, and no core dumps', () => {
  assert.equal(at(vault, 'user'), '1000:1000')
  assert.equal(at(vault, 'read_only'), 'true')
  assert.deepEqual(at(vault, 'cap_drop'), ['ALL'])
  assert.deepEqual(at(vault, 'security_opt'), ['no-new-privileges:true'])
  assert.equal(at(vault, 'ulimits', 'core'), '0')
  assert.deepEqual(at(vault, 'volumes'), ['data:/data', 'keys:/keys'])
  assert.deepEqual(Object.keys(at(compose, 'volumes') ?? {}), ['data', 'keys'])
  assert.match(JSON.stringify(at(vault, 'tmpfs')), /^\["\/tmp:.*noexec,nosuid,nodev,size=/)
  for (const name of ['privileged', 'cap_add', 'network_mode', 'pid', 'devices'])
    assert.equal(at(vault, name), undefined)
})

test('it is reached from this machine alone until somebody decides otherwise', () => {
  assert.deepEqual(at(vault, 'ports'), ['127.0.0.1:8080:8080'])
})

test('memory and processes of the container are bounded', () => {
  assert.equal(at(vault, 'mem_limit'), '1g')
  assert.equal(at(vault, 'pids_limit'), '128')
})

test('nothing goes into the image but what it runs on', () => {
  const [first, ...rest] = textOf('.dockerignore').trim().split('\n')
  assert.equal(first, '*')
  const kept = rest.filter(line => line.startsWith('!'))
  assert.deepEqual(kept.toSorted(), [
    '!.npmrc',
    '!LICENSE',
    '!infra/node-runtime',
    '!infra/tenants',
    '!package-lock.json',
    '!package.json',
    '!src',
  ])
})

const dockerCompose = needsProgram('docker-compose')

test('the compose file is one that docker-compose reads', { skip: dockerCompose.skip }, () => {
  const asked = spawnSync(dockerCompose.value, ['-f', new URL('docker-compose.yml', top).pathname, 'config', '-q'])
  assert.equal(asked.status, 0, String(asked.stderr))
})
