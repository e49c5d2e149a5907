import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { errorCodes } from '../../src/domain/errors.ts'
import * as boundaries from './rules/boundaries.ts'
import { circlesOf } from './rules/circles.ts'
import * as imports from './rules/imports.ts'
import * as shape from './rules/shape.ts'
import { type Rule, type Source, sourcesOf, top } from './rules/source.ts'

const src = sourcesOf('src/**/*.ts', 'src/main.js')
const tests = sourcesOf('test/**/*.ts')
const papers = sourcesOf(
  '*.md',
  'src/**/*.md',
  'infra/**/*.{md,json,yml,yaml,ts}',
  '.ci/*',
  'Dockerfile',
  'docker-compose.yml',
  'package.json',
)
const ownRules = tests.filter(({ path }) => !path.startsWith('test/repo/'))
const files = [...src, ...ownRules]

/** Each rule with the sources it rules, and sources made up to break it: a rule that finds nothing there is no rule. */
const rules: readonly {
  readonly says: string
  readonly rule: Rule
  readonly over: readonly Source[]
  readonly broken: readonly Source[]
}[] = [
  {
    says: 'imports point down only',
    rule: imports.importsPointDown,
    over: src,
    broken: [
      planted('domain/a', "import type { Vault } from '../guards/vault.ts'"),
      planted('ports/a', "import {\n  admit,\n} from '../guards/admit.ts'"),
      planted('guards/a', "import { deposit } from '../intake/deposit.ts'"),
      planted('intake/a', "export type { Opened } from '../access/open-document.ts'"),
      planted('upkeep/a', "import { takeReview } from '../review/take-review.ts'"),
      planted('adapters/a', "import { Trail } from '../guards/trail.ts'"),
      planted('adapters/a', "await import('../config.ts')"),
      planted('http/a', "import type { SqliteLedger } from '../adapters/sqlite-ledger.ts'"),
      planted('http/a', "import { runner } from '../jobs/runner.ts'"),
      planted('jobs/a', "import '../http/app.ts'"),
      planted('access/a', "new Worker(new URL('../adapters/sqlite-worker.ts', import.meta.url))"),
      planted('commands/a', "import { SqliteLedger } from '../adapters/sqlite-ledger.ts'"),
      planted('backing', "import { admit } from './guards/admit.ts'"),
      planted('domain/a', "import { papers } from '../../test/support/papers.ts'"),
      planted('cellar/a', ''),
    ],
  },
  {
    says: "Node's modules and packages are known only where they may be",
    rule: imports.outsideKnown,
    over: src,
    broken: [
      planted('domain/a', "import { randomUUID } from 'node:crypto'"),
      planted('ports/a', "import type { Readable } from 'node:stream'"),
      planted('guards/a', "import { readFile } from 'node:fs/promises'"),
      planted('intake/a', "import sharp from 'sharp'"),
      planted('jobs/a', "import { setTimeout } from 'node:timers/promises'"),
      planted('http/a', "import mongoose from 'mongoose'"),
      planted('adapters/a', "import express from 'express'"),
      planted('guards/a', "import { z } from 'zod/v4'"),
      planted('backing', 'const { S3Blobs } = await import(name)'),
    ],
  },
  {
    says: 'a port imports only types',
    rule: imports.portsImportTypes,
    over: src.filter(({ path }) => path.startsWith('src/ports/')),
    broken: [planted('ports/a', "import { VaultError } from '../domain/errors.ts'")],
  },
  {
    says: 'no start of the door waits for a verb',
    rule: imports.verbsAreLoadedLate,
    over: src,
    broken: [
      planted('http/a', "import { deposit } from '../intake/deposit.ts'"),
      planted('http/a', "import { type TrailPage, readTrail } from '../trail/search.ts'"),
    ],
  },
  {
    says: 'only config.ts reads the environment',
    rule: boundaries.onlyConfigReadsEnvironment,
    over: src,
    broken: [
      planted('main', 'const port = process.env.VAULT_PORT'),
      planted('http/a', "process['env']"),
      planted('backing', 'const { env } = process'),
      planted('adapters/a', "import { env } from 'node:process'"),
    ],
  },
  {
    says: 'only admit mints a grant',
    rule: boundaries.onlyAdmitMintsGrants,
    over: src,
    broken: [
      planted('intake/a', 'const grant = {} as unknown as Grant'),
      planted('guards/settle', 'return x as Settlement'),
      planted('access/a', 'unseal({} as never, body)'),
    ],
  },
  {
    says: 'statuses of failures stand in the problem table',
    rule: boundaries.statusesStandInTheProblemTable,
    over: src,
    broken: [planted('http/a', 'res.status(403).end()'), planted('intake/a', 'throw { statusCode: code }')],
  },
  {
    says: 'nobody writes to the console but the commands',
    rule: boundaries.noConsole,
    over: src,
    broken: [planted('http/a', 'console.log(1)'), planted('adapters/a', 'process.stderr.write(text)')],
  },
  {
    says: 'types are told the truth and no error is swallowed',
    rule: boundaries.noBlindTypes,
    over: src,
    broken: [
      planted('http/a', 'const x: any = 1'),
      planted('http/a', 'const x = y as any'),
      planted('http/a', 'new Map<string, any>()'),
      planted('http/a', '// @ts-ignore'),
      planted('http/a', 'try { x() } catch {}'),
      planted('http/a', 'try { x() } catch (error) {\n}'),
    ],
  },
  {
    says: 'exports are named and nothing is an enum or a barrel',
    rule: boundaries.noDefaultsOrEnums,
    over: files.filter(({ path }) => path !== 'test/support/report-lines.ts'),
    broken: [
      planted('http/a', 'export default app'),
      planted('domain/a', 'export const enum State { open }'),
      planted('domain/a', "export * from './ids.ts'"),
    ],
  },
  {
    says: 'nothing is left over',
    rule: boundaries.nothingLeftOver,
    over: files,
    broken: [
      planted('http/a', `// ${'TO'}${'DO'} later`),
      planted('http/a', '// const old = 1'),
      planted('http/a', '// ------- part two'),
    ],
  },
  {
    says: 'nothing names the machine it was written on',
    rule: boundaries.noMachineWords,
    over: [...files, ...papers],
    broken: [
      planted('http/a', "open('/wo" + "rk/main/x')"),
      planted('http/a', "open('/tm" + "p/x')"),
      planted('http/a', "'https://regis" + "try.example.org/x'"),
    ],
  },
  {
    says: `no file is longer than ${shape.failLines} lines`,
    rule: shape.shortFiles,
    over: [...src, ...tests],
    broken: [planted('http/a', '\n'.repeat(shape.failLines + 1))],
  },
  {
    says: 'files are kebab-case and no drawers',
    rule: shape.namedForWhatItHolds,
    over: [...src, ...tests],
    broken: [planted('http/index', ''), planted('http/utils', ''), planted('http/strictJson', '')],
  },
  {
    says: 'names are plain nouns',
    rule: shape.plainNouns,
    over: [...src, ...tests],
    broken: [planted('ports/a', 'export interface ILedger {'), planted('http/a', 'export class UploadManager {')],
  },
  {
    says: 'exports of the floors, and every verb, have a docstring',
    rule: shape.exportsAreDocumented,
    over: src,
    broken: [
      planted('domain/a', 'export const limits = {}'),
      planted('ports/a', '// A remark is no docstring.\nexport interface Blobs {'),
      planted('review/a', 'export async function takeReview() {'),
    ],
  },
]

function planted(path: string, text: string): Source {
  return { path: `src/${path}.ts`, text: `${text}\n` }
}

for (const { says, rule, over, broken } of rules) {
  test(`the house: ${says}`, () => {
    assert.ok(over.length > 0)
    assert.deepEqual(over.flatMap(rule), [])
  })
  test(`the rule "${says}" finds each planted fault`, () => {
    for (const source of broken) assert.notDeepEqual(rule(source), [], `${source.path}: ${source.text}`)
  })
}

test('no files import each other in a circle, by types neither', () => {
  assert.deepEqual(circlesOf(src), [])
  const circle = [
    planted('domain/a', "import type { B } from './b.ts'"),
    planted('domain/b', "import { c } from './c.ts'"),
    planted('domain/c', "import type { A } from './a.ts'"),
    planted('domain/d', "import './a.ts'"),
  ]
  assert.deepEqual(circlesOf(circle), ['src/domain/a.ts -> src/domain/b.ts -> src/domain/c.ts -> src/domain/a.ts'])
})

test('the house: adapters never import each other', () => {
  assert.deepEqual(imports.adaptersAreStrangers(src.filter(({ path }) => path.startsWith('src/adapters/'))), [])
})

test('the rule on adapters finds an import across technologies, and of an adapter of the same technology', () => {
  const port = "import type { Blobs } from '../ports/blobs.ts'\n"
  const ledger = planted('adapters/sqlite-ledger', `${port}export class SqliteLedger implements Blobs {}`)
  const thread = planted('adapters/sqlite-thread', 'export class SqliteThread {}')
  const of = (path: string, text: string) => imports.adaptersAreStrangers([ledger, thread, planted(path, text)])
  assert.equal(of('adapters/file-blobs', "import { SqliteThread } from './sqlite-thread.ts'").length, 1)
  assert.equal(of('adapters/sqlite-budgets', "import type { SqliteLedger } from './sqlite-ledger.ts'").length, 1)
  assert.deepEqual(of('adapters/sqlite-budgets', "import { SqliteThread } from './sqlite-thread.ts'"), [])
})

test('the reader of imports sees every way to write one, and none in a comment', () => {
  const source = planted(
    'http/a',
    [
      "import express, { type Request } from 'express'",
      "import type {\n  A,\n  B,\n} from '../domain/a.ts'",
      "import './side-effect.ts'",
      "export { x } from './x.ts'",
      "const later = await import('./later.ts')",
      "type Late = import('./late.ts').Late",
      "new URL('./child.ts', import.meta.url)",
      "// import { y } from './y.ts'",
      "/* import z from './z.ts' */",
    ].join('\n'),
  )
  assert.deepEqual(
    imports
      .importsOf(source)
      .map(({ to }) => to)
      .sort(),
    ['../domain/a.ts', './child.ts', './late.ts', './later.ts', './side-effect.ts', './x.ts', 'express'],
  )
})

const rooms = readdirSync(`${top}src`, { withFileTypes: true }).filter(entry => entry.isDirectory())

test('the house: every room is in the table of directions and explains itself in at most 30 lines', () => {
  const names = rooms.map(({ name }) => name)
  assert.deepEqual(
    names.filter(name => imports.mayImport[name] === undefined),
    [],
  )
  assert.deepEqual(shape.roomsExplainThemselves(names, sourcesOf('src/*/README.md')), [])
})

test('the rule on rooms finds a missing and a long README', () => {
  const long = { path: 'src/http/README.md', text: 'x\n'.repeat(31) }
  assert.equal(shape.roomsExplainThemselves(['http', 'jobs'], [long]).length, 2)
})

test('the house: the top level holds exactly what the plan names', () => {
  assert.deepEqual(shape.topLevelIsTidy(readdirSync(top)), [])
})

test('the rule on the top level finds a stranger and a gap', () => {
  const problems = shape.topLevelIsTidy(['src', 'notes.md', '.gitignore', 'node_modules'])
  assert.ok(problems.includes('notes.md does not belong on the top level'))
  assert.ok(problems.includes('README.md is missing from the top level'))
})

test('the house: every error code is used somewhere and documented', () => {
  assert.deepEqual(shape.codesAreUsed(errorCodes, src), [])
})

test('the rule on error codes finds one that nobody uses and one that nobody documents', () => {
  const table = planted('http/problems', "'a.b': p(400, 'A', 'B'),")
  const thrown = planted('intake/a', "throw new VaultError('c.d')")
  assert.deepEqual(shape.codesAreUsed(['a.b', 'c.d'], [table, thrown]), [
    'a.b is used nowhere',
    'c.d is not in the problem table',
  ])
})

test('files that grow long are named before they are too long', t => {
  for (const { path, text } of [...src, ...tests]) {
    const lines = text.split('\n').length - 1
    if (lines > shape.warnLines) t.diagnostic(`${path}: ${lines} lines`)
  }
})
