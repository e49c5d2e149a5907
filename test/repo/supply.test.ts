import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { top } from './rules/source.ts'
import * as supply from './rules/supply.ts'

const lock = JSON.parse(readFileSync(`${top}package-lock.json`, 'utf8')) as supply.LockFile
const { dependencies, devDependencies, allowScripts } = JSON.parse(readFileSync(`${top}package.json`, 'utf8')) as {
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
  readonly allowScripts: Record<string, boolean>
}
const broken: supply.LockFile = {
  packages: {
    '': { version: '1.0.0' },
    'node_modules/multer': {
      version: '2.4.9',
      resolved: 'https://packages.example/multer.tgz',
      hasInstallScript: true,
      optionalDependencies: { 'multer-linux-x64': '2.4.9' },
    },
    'node_modules/sharp': { version: '0.36.0', integrity: 'sha512-x' },
  },
}

test('the lock file names no host and hashes everything it names', () => {
  assert.deepEqual(supply.lockNamesNoHost(lock), [])
  assert.equal(supply.lockNamesNoHost(broken).length, 2)
})

test('the lock file holds the package of every platform', () => {
  assert.deepEqual(supply.lockHasEveryPlatform(lock), [])
  assert.equal(supply.lockHasEveryPlatform(broken).length, 1)
})

test('no package runs a script at install that package.json does not decide on', () => {
  assert.deepEqual(supply.installScriptsAreDecided(lock, allowScripts), [])
  assert.equal(supply.installScriptsAreDecided(broken, allowScripts).length, 1)
})

test("what parses strangers' bytes is at least as new as its last known hole", () => {
  assert.deepEqual(supply.floorsHold(lock, supply.versionFloors), [])
  assert.deepEqual(supply.floorsHold(broken, { multer: '2.5.0', sharp: '0.35.5' }), ['multer 2.4.9 is below 2.5.0'])
})

test('every dependency is pinned to one version', () => {
  assert.deepEqual(supply.versionsAreExact({ ...dependencies, ...devDependencies }), [])
  assert.equal(supply.versionsAreExact({ express: '^5.3.0' }).length, 1)
})
