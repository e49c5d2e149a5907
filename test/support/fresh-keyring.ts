import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { type KeyfileKeyring, openKeyfileKeyring } from '../../src/adapters/keyfile-keyring.ts'

/** A key file of its own, gone when the test file ends. */
export function freshKeyring(): Promise<KeyfileKeyring> {
  const folder = mkdtempSync(join(tmpdir(), 'vault-keys-'))
  after(() => rmSync(folder, { recursive: true }))
  return openKeyfileKeyring({ keysDir: join(folder, 'keys'), dataDir: join(folder, 'data') })
}
