import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { top } from './rules/source.ts'

/**
 * Loaded into the process and each of its threads: at its end it lists every file that was loaded as code, in any way,
 * and every part of Node.
 */
const witness = `data:text/javascript,${encodeURIComponent(`
  import { createRequire, registerHooks } from 'node:module'
  const loaded = new Set()
  registerHooks({ load: (url, context, next) => (loaded.add(url), next(url, context)) })
  const { cache } = createRequire('file:///')
  const { write } = process.stdout
  process.stdout.write = (text, ...rest) => {
    if (String(text).startsWith('listening on ')) loaded.add('@listening')
    return write.call(process.stdout, text, ...rest)
  }
  process.on('exit', () => process.stderr.write('\\n@loaded ' + JSON.stringify([...loaded, ...Object.keys(cache), ...process.moduleLoadList]) + '\\n'))
`)}`

const environmentIn = (folder: string): NodeJS.ProcessEnv => {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('VAULT_'))
  return { ...Object.fromEntries(others), VAULT_PORT: '0', VAULT_DATA_DIR: join(folder, 'data') }
}

/** Starts the embedded vault, lets it listen, asks it something, stops it. @returns what it loaded, in that order */
async function loadedByStart(): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vault-start-'))
  const child = spawn(process.execPath, ['--import', witness, `${top}src/main.js`, 'serve'], {
    env: environmentIn(folder),
  })
  try {
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    for await (const line of createInterface({ input: child.stdout, signal: AbortSignal.timeout(30_000) })) {
      const [, url] = /^listening on (\S+)$/.exec(line) ?? []
      if (url === undefined) continue
      assert.equal((await fetch(`${url}/readyz`)).status, 200)
      break
    }
    child.kill('SIGTERM')
    await once(child, 'close', { signal: AbortSignal.timeout(15_000) })
    const lists = [...errors.matchAll(/^@loaded (.*)$/gm)]
    return lists.flatMap(([, list = '[]']) => JSON.parse(list) as readonly string[])
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

test('the embedded start loads neither mongoose nor an AWS client, nor jose, nor any file of the tests', async () => {
  const loaded = await loadedByStart()
  assert.ok(loaded.some(name => name.endsWith('/src/backing.ts')))
  assert.ok(loaded.some(name => name.includes('/node_modules/express/')))
  const foreign =
    /node_modules\/(?:mongoose|mongodb|bson|jose|@aws-sdk|@aws-crypto|@smithy)\/|\/adapters\/(?:mongo|s3|kms|oidc)-|\/test\//
  assert.deepEqual(
    loaded.filter(name => foreign.test(name)),
    [],
  )
})

test('the start does not load the HTTP client of Node, which an import of node:http brings along', async () => {
  const loaded = await loadedByStart()
  assert.ok(loaded.includes('NativeModule http'))
  assert.deepEqual(
    loaded.filter(name => name.includes('undici')),
    [],
  )
})

test('the vault listens before it loads the verbs of its routes, and has them all soon after', async () => {
  const loaded = await loadedByStart()
  const at = loaded.indexOf('@listening')
  assert.ok(at > 0)
  const ofRoutes = /\/src\/(?:intake|review|retention|trail|access\/(?!first-keys|new-key))/
  assert.deepEqual(
    loaded.slice(0, at).filter(name => ofRoutes.test(name)),
    [],
  )
  for (const verb of ['intake/deposit', 'access/open-document', 'retention/read-certificate', 'trail/search']) {
    assert.ok(
      loaded.some(name => name.endsWith(`/src/${verb}.ts`)),
      verb,
    )
  }
})

test('a vault one of whose verbs cannot be loaded ends by itself, as a defect', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vault-start-'))
  try {
    const copy = join(folder, 'project')
    for (const part of ['src', 'infra/tenants', 'package.json']) {
      cpSync(`${top}${part}`, join(copy, part), { recursive: true })
    }
    symlinkSync(`${top}node_modules`, join(copy, 'node_modules'))
    writeFileSync(join(copy, 'src/access/list-callers.ts'), 'export const listCallers = half a file')
    const child = spawn(process.execPath, [join(copy, 'src/main.js'), 'serve'], { env: environmentIn(folder) })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    const [code] = await once(child, 'close', { signal: AbortSignal.timeout(30_000) })
    assert.equal(code, 70)
    assert.match(errors, /"unexpected error"/)
    assert.doesNotMatch(errors, /half a file/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
