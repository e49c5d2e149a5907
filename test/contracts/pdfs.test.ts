import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ChildPdfs } from '../../src/adapters/child-pdfs.ts'
import type { Pdfs } from '../../src/ports/pdfs.ts'
import { activePdfs, brokenPdfs, costlyPdfs, slowPdf, trouble } from '../support/broken-pdfs.ts'
import { needsFolder } from '../support/needs.ts'
import { drawAddressProof, drawLargeAddressProof } from '../support/papers.ts'

const never = new AbortController().signal
const samples = needsFolder('../shared/samples/address', 'sample invoices')

pdfsContract('child processes', () => new ChildPdfs())

function pdfsContract(name: string, make: () => Pdfs): void {
  suite(`Pdfs on ${name}`, () => {
    test('a bill is admitted with its number of pages', async () => {
      await using pdfs = make()
      assert.deepEqual(await pdfs.check(drawAddressProof(), never), { pages: 3 })
      assert.deepEqual(await pdfs.check(drawLargeAddressProof(1_048_576), never), { pages: 3 })
    })

    test('real invoices are admitted', { skip: samples.skip }, async () => {
      await using pdfs = make()
      for (const file of readdirSync(samples.value)) {
        const verdict = await pdfs.check(readFileSync(`${samples.value}/${file}`), never)
        assert.equal(verdict.refusal, undefined, file)
        assert.ok(verdict.pages >= 1)
      }
    })

    test('every bad file is refused with its code, and the next good one is still admitted', async () => {
      await using pdfs = make()
      for (const { title, code, make: makeBad } of [...activePdfs, ...brokenPdfs, ...costlyPdfs]) {
        const { refusal } = await pdfs.check(makeBad(), never)
        assert.equal(refusal?.code, code, title)
        assert.match(refusal?.rule ?? '', /^[A-Za-z0-9-]{1,40}$/, title)
      }
      assert.deepEqual(await pdfs.check(drawAddressProof(), never), { pages: 3 })
    })

    test('ten checks at once are all answered, each with its own verdict', async () => {
      await using pdfs = make()
      const files = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? drawAddressProof() : trouble({})))
      const verdicts = await Promise.all(files.map(file => pdfs.check(file, never)))
      assert.deepEqual(
        verdicts.map(({ pages }) => pages),
        [3, 1, 3, 1, 3, 1, 3, 1, 3, 1],
      )
    })

    test('a check that is given up ends at once with the reason, and the next one works', async () => {
      await using pdfs = make()
      await pdfs.check(trouble({}), never)
      const abort = new AbortController()
      const reason = new Error('gone')
      const slow = pdfs.check(slowPdf(), abort.signal)
      abort.abort(reason)
      await assert.rejects(slow, error => error === reason)
      assert.deepEqual(await pdfs.check(trouble({}), never), { pages: 1 })
    })

    test('a check that was given up before it began costs nothing', async () => {
      await using pdfs = make()
      const reason = new Error('gone')
      await assert.rejects(pdfs.check(trouble({}), AbortSignal.abort(reason)), error => error === reason)
    })
  })
}

suite('the child process', { skip: process.platform === 'linux' ? false : 'reads /proc' }, () => {
  test('a child that is killed in the middle of a check is a refusal, not a hang', async () => {
    await using pdfs = new ChildPdfs()
    await pdfs.warm()
    const [child] = childrenOf(process.pid)
    assert.ok(child !== undefined)
    const verdict = pdfs.check(slowPdf(), never)
    process.kill(child, 'SIGKILL')
    assert.deepEqual(await verdict, { pages: 0, refusal: { code: 'file.too-complex', rule: 'process' } })
    assert.deepEqual(await pdfs.check(trouble({}), never), { pages: 1 })
  })

  test('one child serves several checks, and is replaced after a file that cost too much', async () => {
    await using pdfs = new ChildPdfs()
    await pdfs.check(trouble({}), never)
    const first = childrenOf(process.pid)
    await pdfs.check(drawAddressProof(), never)
    assert.deepEqual(childrenOf(process.pid), first)
    await pdfs.check(costlyPdfs.find(({ title }) => title === 'a bomb inside a bomb')?.make() ?? trouble({}), never)
    await pdfs.check(trouble({}), never)
    assert.notDeepEqual(childrenOf(process.pid), first)
  })

  test('the pool never has more than two children, and none after it is disposed of', async () => {
    const pdfs = new ChildPdfs()
    await Promise.all(Array.from({ length: 8 }, () => pdfs.check(drawAddressProof(), never)))
    assert.equal(childrenOf(process.pid).length, 2)
    await pdfs[Symbol.asyncDispose]()
    assert.deepEqual(childrenOf(process.pid), [])
  })

  test('a child has no environment, and its arguments name no file', async () => {
    await using pdfs = new ChildPdfs()
    await pdfs.warm()
    const [child] = childrenOf(process.pid)
    assert.equal(readFileSync(`/proc/${child}/environ`, 'latin1'), '')
    const args = argumentsOf(child)
    assert.ok(args.includes('--permission') && args.some(arg => arg.startsWith('--max-old-space-size=')))
    assert.ok(
      args.filter(arg => !arg.startsWith('-')).every(arg => arg === process.execPath || arg.endsWith('pdf-child.ts')),
    )
  })

  test('a child has little memory to ask for, and leaves no core dump', async () => {
    await using pdfs = new ChildPdfs()
    await pdfs.warm()
    const limits = readFileSync(`/proc/${childrenOf(process.pid)[0]}/limits`, 'latin1')
    assert.equal(/Max core file size +(\S+)/.exec(limits)?.[1], '0')
    assert.equal(/Max data size +(\S+)/.exec(limits)?.[1], '1200000000')
  })

  test('under the flags of a child no file, network, process, thread or write is to be had', async () => {
    await using pdfs = new ChildPdfs()
    await pdfs.warm()
    const flags = argumentsOf(childrenOf(process.pid)[0]).slice(1, -1)
    const program = `
      const attempts = {
        read: () => require('node:fs').readFileSync('/etc/passwd'),
        write: () => require('node:fs').writeFileSync(${JSON.stringify(adapter)}, ''),
        list: () => require('node:fs').readdirSync('/'),
        process: () => require('node:child_process').execFileSync('true'),
        thread: () => new (require('node:worker_threads').Worker)('1', { eval: true }),
      }
      for (const [name, attempt] of Object.entries(attempts)) {
        try { attempt(); console.log(name, 'allowed') } catch (error) { console.log(name, error.code) }
      }
      require('node:net').connect(9, '127.0.0.1').on('error', error => console.log('network', error.code))`
    const out = execFileSync(process.execPath, [...flags, '--eval', program], { encoding: 'utf8', env: {} })
    const lines = out.trim().split('\n')
    assert.deepEqual(
      lines,
      ['read', 'write', 'list', 'process', 'thread', 'network'].map(name => `${name} ERR_ACCESS_DENIED`),
    )
  })

  test('an idle child does not keep the vault from ending, and ends with it', () => {
    const program = `
      const { ChildPdfs } = await import(${JSON.stringify(adapter)})
      const pdfs = new ChildPdfs()
      await pdfs.warm()
      const { execFileSync } = await import('node:child_process')
      console.log(execFileSync('pgrep', ['-P', String(process.pid)], { encoding: 'utf8' }).trim())`
    const out = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    const [child] = out.split('\n')
    assert.match(child ?? '', /^\d+$/)
    awaitEnd(Number(child))
  })

  test('a child ends when the vault is killed, even at work', async () => {
    const program = `
      const { ChildPdfs } = await import(${JSON.stringify(adapter)})
      const { slowPdf } = await import(${JSON.stringify(papers)})
      const pdfs = new ChildPdfs()
      const file = slowPdf()
      await pdfs.warm()
      void pdfs.check(file, new AbortController().signal)
      console.log('at work')
      setInterval(() => undefined, 1000)`
    const vault = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(vault.stdout, 'data')
    const [child] = childrenOf(vault.pid ?? 0)
    assert.ok(child !== undefined)
    vault.kill('SIGKILL')
    await once(vault, 'close')
    awaitEnd(child)
  })
})

const adapter = fileURLToPath(new URL('../../src/adapters/child-pdfs.ts', import.meta.url))
const papers = fileURLToPath(new URL('../support/broken-pdfs.ts', import.meta.url))

function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number)
}

function argumentsOf(pid: number | undefined): readonly string[] {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').filter(Boolean)
}

/** Returns when the process is gone, and throws when it is not within the time. */
function awaitEnd(pid: number): void {
  execFileSync('tail', ['--pid', String(pid), '-s', '0.05', '-f', '/dev/null'], { timeout: 20_000 })
}
