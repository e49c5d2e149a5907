import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readConfig } from '../../src/config.ts'
import { readEnvFile } from '../support/env-file.ts'

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

test('the image stands on the slim image of Node 26, which a deployment can pin by digest', () => {
  assert.deepEqual(valuesOf('ARG'), ['NODE_IMAGE=node:26-slim'])
  assert.deepEqual(valuesOf('FROM'), [`\${NODE_IMAGE} AS packages`, `\${NODE_IMAGE}`])
})

test('packages come from the lock file, without those for development', () => {
  const fetching = valuesOf('RUN').filter(run => /\b(npm|yarn|npx|apt|curl|wget)\b/.test(run))
  assert.equal(fetching.length, 2)
  assert.match(fetching[0] ?? '', /^npm ci --omit=dev /)
  assert.ok(valuesOf('COPY').includes('package.json package-lock.json .npmrc ./'))
})

test('the image carries the list of what is in it, made of the very tree that it runs on', () => {
  assert.ok(
    valuesOf('RUN').includes(
      'npm pkg delete devDependencies && npm sbom --sbom-format cyclonedx --sbom-type application > sbom.cdx.json',
    ),
  )
  const copies = valuesOf('COPY')
  assert.ok(copies.includes('--from=packages /app/sbom.cdx.json ./'))
  assert.ok(copies.includes('package.json LICENSE ./'), 'the manifest is the one of the sources')
})

test('the process is no root and its code belongs to root', () => {
  assert.equal(valuesOf('USER').at(-1), 'node')
  const last = instructions.findLastIndex(({ name }) => name === 'USER')
  assert.ok(instructions.slice(last).every(({ name }) => name !== 'RUN' && name !== 'COPY'))
  for (const copy of valuesOf('COPY')) assert.doesNotMatch(copy, /--chown/)
})

test('data and keys are two volumes, private to the user, and neither lies in the other', () => {
  assert.deepEqual(valuesOf('VOLUME'), ['["/app/vault-data", "/app/vault-data-keys"]'])
  assert.ok(valuesOf('RUN').some(run => run.includes('install -d -o node -g node -m 0700 vault-data vault-data-keys')))
})

test('the image sets nothing that production refuses', () => {
  const set = new Map(
    valuesOf('ENV').flatMap(value => value.split(/ +/).map(pair => pair.split('=', 2) as [string, string])),
  )
  const environment = { ...readEnvFile(textOf('infra/compose/vault.env')), ...Object.fromEntries(set) }
  assert.equal(readConfig(environment).backing, 'production')
  assert.equal(readConfig(Object.fromEntries(set)).backing, 'embedded')
})

test('compiled code is made by the user who runs it, and the keys of that start are not in the image', () => {
  const warming = instructions.findIndex(({ name, value }) => name === 'RUN' && value.includes('src/main.js serve'))
  const user = instructions.slice(0, warming).findLast(({ name }) => name === 'USER')
  assert.equal(user?.value, 'node')
  assert.match(instructions[warming]?.value ?? '', /VAULT_KEYS_DIR=\/tmp\/warm\/keys .*&& rm -rf \/tmp\/warm$/)
  assert.ok(valuesOf('RUN').some(run => run === 'chown -R root:root .cache && chmod -R a+rX,a-w .cache'))
})

test('the health of the container is what /livez says on the port it was given, asked by Node itself', () => {
  const [check] = valuesOf('HEALTHCHECK')
  assert.match(
    check ?? '',
    /CMD \["node", "-e", "fetch\(`http:\/\/127\.0\.0\.1:\$\{process\.env\.VAULT_PORT\}\/livez`\)/,
  )
  assert.match(valuesOf('ENV').join(' '), /\bVAULT_PORT=8080\b/)
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
