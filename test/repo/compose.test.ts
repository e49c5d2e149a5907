import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readConfig } from '../../src/config.ts'
import { processRoles } from '../../src/domain/process-role.ts'
import { readEnvFile } from '../support/env-file.ts'
import { needsProgram } from '../support/needs.ts'
import { type Plain, readPlainYaml } from '../support/plain-yaml.ts'

const top = new URL('../../', import.meta.url)
const textOf = (name: string): string => readFileSync(new URL(name, top), 'utf8')

function at(plain: Plain | undefined, ...path: readonly string[]): Plain | undefined {
  if (path.length === 0 || plain === undefined) return plain
  if (typeof plain === 'string' || Array.isArray(plain)) return undefined
  const [first = '', ...rest] = path
  return at((plain as { readonly [name: string]: Plain })[first], ...rest)
}

const compose = readPlainYaml(textOf('docker-compose.yml'))
const services = at(compose, 'services') as Readonly<Record<string, Plain>>
const names = Object.keys(services)
const of = (name: string, ...path: readonly string[]): Plain | undefined => at(services[name], ...path)
const textOfService = (name: string, ...path: readonly string[]): string => {
  const found = of(name, ...path)
  return typeof found === 'string' ? found : assert.fail(`${name}: no text at ${path.join('.')}`)
}
const ours = names.filter(name => of(name, 'image') === 'kyc-document-vault:local')
const servers = ['mongo1', 'mongo2', 'mongo3', 's3', 'kms']
const steps = ['servers', 'door', 'migrate', 'first-callers']
const roles = processRoles
const settings = readEnvFile(textOf('infra/compose/vault.env'))

test('there is the vault as a process for each role, its servers, the steps that prepare them, and the vault by itself', () => {
  assert.deepEqual(names.toSorted(), ['place', 'embedded', ...servers, ...steps, ...roles].toSorted())
  assert.deepEqual(ours.toSorted(), ['place', 'embedded', ...steps, ...roles].toSorted())
  for (const name of ours) assert.equal(of(name, 'build'), '.', name)
  for (const name of servers) assert.match(textOfService(name, 'image'), /^[a-z/]+:v?\d+(\.\d+)+$/, 'pinned')
})

test('no container of the vault has rights, a root that can be written, core dumps or memory without bounds', () => {
  for (const name of ours) {
    assert.equal(of(name, 'user'), '1000:1000', name)
    assert.equal(of(name, 'read_only'), 'true', name)
    assert.deepEqual(of(name, 'cap_drop'), ['ALL'], name)
    assert.deepEqual(of(name, 'security_opt'), ['no-new-privileges:true'], name)
    assert.equal(of(name, 'ulimits', 'core'), '0', name)
    assert.equal(of(name, 'init'), 'true', name)
    assert.match(JSON.stringify(of(name, 'tmpfs')), /^\["\/tmp:.*noexec,nosuid,nodev,size=/, name)
    assert.match(textOfService(name, 'mem_limit'), /^(128m|512m|1g)$/, name)
    assert.equal(of(name, 'pids_limit'), '128', name)
  }
  for (const name of names) {
    for (const right of ['privileged', 'cap_add', 'pid', 'ipc', 'devices']) assert.equal(of(name, right), undefined)
    assert.ok(!JSON.stringify(of(name, 'volumes') ?? '').includes('docker.sock'))
    assert.deepEqual(of(name, 'security_opt'), ['no-new-privileges:true'], name)
  }
})

test('everything is reached from this machine alone until somebody decides otherwise', () => {
  assert.deepEqual(of('place', 'ports'), ['127.0.0.1:8080:8080', '127.0.0.1:8081:8081'])
  assert.deepEqual(of('embedded', 'ports'), ['127.0.0.1:8080:8080'])
  for (const name of names.filter(one => one !== 'place' && one !== 'embedded')) {
    assert.equal(of(name, 'ports'), undefined, name)
    assert.equal(of(name, 'network_mode'), 'service:place', name)
  }
})

test('the embedded vault comes up when it is named, and only then', () => {
  assert.deepEqual(of('embedded', 'profiles'), ['embedded'])
  for (const name of names.filter(one => one !== 'embedded')) assert.equal(of(name, 'profiles'), undefined, name)
  assert.deepEqual(of('embedded', 'volumes'), ['data:/app/vault-data', 'keys:/app/vault-data-keys'])
})

test('each step waits for the end of the one before, and the vault for the last', () => {
  const done = 'service_completed_successfully'
  const started = Object.fromEntries(servers.map(name => [name, { condition: 'service_started' }]))
  assert.deepEqual(of('servers', 'depends_on'), started)
  assert.deepEqual(of('door', 'depends_on'), { servers: { condition: done } })
  assert.deepEqual(of('migrate', 'depends_on'), { door: { condition: done } })
  assert.deepEqual(of('first-callers', 'depends_on'), { migrate: { condition: done } })
  for (const name of roles) assert.deepEqual(of(name, 'depends_on'), { 'first-callers': { condition: done } })
  for (const name of steps) assert.equal(of(name, 'restart'), 'no', name)
})

test('each process has one role, a port of its own, and asks its own health', () => {
  const ports = roles.map(name => textOfService(name, 'environment', 'VAULT_PORT'))
  assert.deepEqual(ports, ['8080', '8081', '8082', '8083'])
  for (const [index, name] of roles.entries()) {
    assert.deepEqual(of(name, 'command'), ['serve', '--as', name])
    assert.equal(of(name, 'stop_grace_period'), '15s')
    const probe = `["CMD","node","-e","fetch('http://127.0.0.1:${ports[index]}/livez')`
    assert.ok(JSON.stringify(of(name, 'healthcheck', 'test')).startsWith(probe))
  }
})

test('secrets lie where they are needed: the door not with the jobs, the keys of the emulator and of people with no process', () => {
  const volumes = (name: string) => of(name, 'volumes') as readonly string[]
  assert.ok(volumes('intake').includes('secrets:/app/vault-data-keys:ro'))
  assert.ok(volumes('access').includes('secrets:/app/vault-data-keys:ro'))
  for (const name of ['jobs', 'keys']) assert.deepEqual(volumes(name), ['./infra/compose:/app/infra/compose:ro'])
  const holding = (volume: string) =>
    names.filter(name => JSON.stringify(of(name, 'volumes') ?? '').includes(`"${volume}:`))
  assert.deepEqual(holding('emulator'), ['servers'])
  assert.deepEqual(holding('handover'), ['first-callers'])
})

test('the settings are ones that production takes, as they stand', () => {
  const vaults = Object.fromEntries(Object.entries(settings).filter(([name]) => name.startsWith('VAULT_')))
  for (const name of roles) {
    const own = of(name, 'environment') as Record<string, string>
    assert.equal(readConfig({ ...vaults, ...own }).backing, 'production')
    assert.equal(of(name, 'env_file'), 'infra/compose/vault.env')
  }
  for (const name of steps) assert.equal(of(name, 'env_file'), 'infra/compose/vault.env')
})

test('the servers are the ones that the settings name', () => {
  const uri = textOf('infra/compose/mongodb-uri').trim()
  const ports = [1, 2, 3].map(n => (of(`mongo${n}`, 'command') as readonly string[])[6])
  assert.equal(uri, `mongodb://${ports.map(port => `127.0.0.1:${port}`).join(',')}/?replicaSet=rs0`)
  const gateway = JSON.stringify(of('s3', 'command'))
  assert.ok(gateway.includes(new URL(settings['VAULT_S3_ENDPOINT'] ?? '').host))
  assert.ok(gateway.includes(`--region ${settings['VAULT_S3_REGION']} `))
  assert.equal(of('kms', 'environment', 'GATEWAY_LISTEN'), new URL(settings['VAULT_KMS_ENDPOINT'] ?? '').host)
  assert.equal(of('s3', 'environment', 'ROOT_ACCESS_KEY'), settings['AWS_ACCESS_KEY_ID'])
  assert.equal(of('s3', 'environment', 'ROOT_SECRET_KEY'), settings['AWS_SECRET_ACCESS_KEY'])
})

test('every volume that is named is declared, and no other', () => {
  const named = names.flatMap(name => (of(name, 'volumes') as readonly string[] | undefined) ?? [])
  const kept = new Set(named.filter(one => !one.startsWith('.')).map(one => one.split(':')[0] ?? ''))
  assert.deepEqual([...kept].toSorted(), Object.keys(at(compose, 'volumes') ?? {}).toSorted())
})

const dockerCompose = needsProgram('docker-compose')

test('the compose file is one that docker-compose reads', { skip: dockerCompose.skip }, () => {
  const asked = spawnSync(dockerCompose.value, ['-f', new URL('docker-compose.yml', top).pathname, 'config', '-q'])
  assert.equal(asked.status, 0, String(asked.stderr))
})
