import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createServer, type SecureVersion } from 'node:tls'
import { askTls } from '../../src/commands/ask-tls.ts'
import { UsageError } from '../../src/commands/command.ts'
import { emptyFolder } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { needsProgram } from '../support/needs.ts'

const openssl = needsProgram('openssl')

interface Terminator extends AsyncDisposable {
  readonly address: string
  /** Of the certificate that it shows. */
  readonly trust: string
}

/** What ends TLS before a vault, with a certificate of its own. */
async function terminator(minVersion: SecureVersion, maxVersion: SecureVersion): Promise<Terminator> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await emptyFolder())
  const [key, cert] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')]
  const named = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const make = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert]
  execFileSync(openssl.value, [...make, ...named], { stdio: 'ignore' })
  const server = createServer(
    { key: await readFile(key), cert: await readFile(cert), minVersion, maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' },
    socket => socket.on('error', () => undefined).end(),
  )
  server.listen(0, 'localhost')
  await once(server, 'listening')
  stack.defer(async () => {
    server.close()
    await once(server, 'close')
  })
  const held = stack.move()
  const { port } = server.address() as AddressInfo
  return { address: `localhost:${port}`, trust: cert, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** In a process of its own, since certificates that are trusted beside the machine's are read at its start. */
const asked = new URL('../../src/commands/ask-tls.ts', import.meta.url).href

function ask(address: string, floor: string, trust: string): Promise<unknown> {
  const script = `import(${JSON.stringify(asked)}).then(async ({ askTls }) => process.stdout.write(JSON.stringify(await askTls(${JSON.stringify(address)}, '${floor}'))))`
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const env = { NODE_EXTRA_CA_CERTS: trust }
  execFile(process.execPath, ['-e', script], { env }, (_, out) => resolve(JSON.parse(out)))
  return promise
}

suite('what ends TLS before the vault', { skip: openssl.skip }, () => {
  test('keeps a floor of 1.3 only when it refuses 1.2', async () => {
    await using strict = await terminator('TLSv1.3', 'TLSv1.3')
    assert.deepEqual(await ask(strict.address, '1.3', strict.trust), [])
    await using lax = await terminator('TLSv1.2', 'TLSv1.3')
    assert.deepEqual(await ask(lax.address, '1.3', lax.trust), [
      { weight: 'problem', field: 'VAULT_TLS_FLOOR', message: `${lax.address} accepts TLS 1.2, and the floor is 1.3` },
    ])
    assert.deepEqual(await ask(lax.address, '1.2', lax.trust), [])
  })

  test('keeps a floor of 1.2 only when it refuses what is older', async () => {
    await using old = await terminator('TLSv1', 'TLSv1.3')
    assert.deepEqual(await ask(old.address, '1.2', old.trust), [
      { weight: 'problem', field: 'VAULT_TLS_FLOOR', message: `${old.address} accepts TLS 1.1, and the floor is 1.2` },
    ])
  })

  test('that nobody trusts, or that is not there, is told as what it is', async () => {
    await using strict = await terminator('TLSv1.3', 'TLSv1.3')
    const [untrusted] = await askTls(strict.address, '1.3')
    assert.equal(untrusted?.weight, 'unreachable')
    assert.match(untrusted?.message ?? '', /DEPTH_ZERO_SELF_SIGNED_CERT/)
    const [gone] = await askTls(`localhost:${await freePort()}`, '1.3')
    assert.match(gone?.message ?? '', /ECONNREFUSED/)
    await assert.rejects(askTls('https://localhost/', '1.3'), UsageError)
  })
})
