import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { processRoles } from '../../src/domain/process-role.ts'
import { routes } from '../../src/http/routes.ts'
import { jobsOf } from '../../src/jobs/jobs.ts'
import { runOnce } from '../../src/jobs/runner.ts'
import { call } from '../support/call.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { type Plain, readPlainYaml } from '../support/plain-yaml.ts'
import { spokenIn } from '../support/promql.ts'

const top = new URL('../../', import.meta.url)
const textOf = (name: string): string => readFileSync(new URL(name, top), 'utf8')

interface Panel {
  readonly title: string
  readonly type: string
  readonly targets?: readonly { readonly expr: string }[]
}
interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook: string }
}

const dashboard = JSON.parse(textOf('infra/dashboards/vault.json')) as {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string }[] }
}
const alerts = readPlainYaml(textOf('infra/alerts/vault.yml')) as unknown as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[]
}
const rules = alerts.groups.flatMap(group => group.rules)
const expressions = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ of: title, expr }))),
  ...rules.map(({ alert, expr }) => ({ of: alert, expr })),
]
/** Said by Prometheus itself. */
const itsOwn = { metrics: ['up'], labels: ['job', 'instance'] }

interface Exposed {
  readonly metrics: ReadonlySet<string>
  readonly labels: ReadonlySet<string>
  readonly text: string
}

/** What a vault that has done a little of everything shows. */
async function exposedBy(opened: TestVault): Promise<Exposed> {
  const { metricsUrl, url, jobs } = opened.door
  await call(url, 'GET', '/v1/limits')
  const signal = new AbortController().signal
  for (const job of jobsOf(processRoles))
    if (job.name === 'sweep-deposits') await runOnce(opened.vault, job, signal, jobs)
  const text = await (await fetch(metricsUrl ?? assert.fail('no metrics'))).text()
  const metrics = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', kind]) =>
    kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  )
  const labels = [...text.matchAll(/[{,](\w+)="/g)].map(([, label = '']) => label)
  return { metrics: new Set([...metrics, ...itsOwn.metrics]), labels: new Set([...labels, ...itsOwn.labels]), text }
}

suite('what operators look at', () => {
  test('every metric and label that the dashboard and the alerts name is one that the vault shows', async () => {
    await using opened = await openVault({ metricsPort: 0 })
    const { metrics, labels } = await exposedBy(opened)
    // Rows of this label are there only while something fails, or where a tenant owes an answer.
    const known = new Set([...labels, 'part', 'tenant'])
    assert.ok(expressions.length > 30)
    for (const { of, expr } of expressions) {
      const spoken = spokenIn(expr)
      assert.ok(spoken.metrics.length > 0, `${of} looks at nothing: ${expr}`)
      for (const name of spoken.metrics) assert.ok(metrics.has(name), `${of}: there is no metric ${name}`)
      for (const label of spoken.labels) assert.ok(known.has(label), `${of}: there is no label ${label}`)
    }
  })

  test('routes, jobs and parts that are looked for by name exist', () => {
    const places = {
      route: new Set(routes.map(({ path }) => String(path))),
      task: new Set(jobsOf(processRoles).map(({ name }) => name)),
      part: new Set(['trail', 'ledger', 'keyring', 'wrapped-keys', 'blobs', 'stopping', 'restored']),
      out: new Set(['done', 'failed']),
    }
    for (const { of, expr } of expressions) {
      const { values } = spokenIn(expr)
      for (const [label, known] of Object.entries(places)) {
        for (const value of values.get(label) ?? []) assert.ok(known.has(value), `${of}: there is no ${label} ${value}`)
      }
    }
  })

  test('an expression with a name that is none is found', () => {
    const { metrics, labels, values } = spokenIn(
      'sum by (route) (rate(vault_nothing{status=~"5..|429",part!="x"}[5m])) / count(up) > 0 and on () time() - 3',
    )
    assert.deepEqual(metrics, ['vault_nothing', 'up'])
    assert.deepEqual(labels, ['status', 'part', 'route'])
    assert.deepEqual(values.get('status'), ['5..', '429'])
  })

  test('every alert says how bad it is, what it means, and where to read on', () => {
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length)
    for (const { alert, labels, annotations } of rules) {
      assert.match(alert, /^Vault[A-Z]\w+$/)
      assert.match(labels.severity, /^(critical|warning)$/)
      assert.match(annotations.summary, /\.$/)
      assert.ok(existsSync(new URL(annotations.runbook, top)), `${alert}: ${annotations.runbook}`)
    }
  })

  test('panels have a place, a title of their own, and variables that are declared', () => {
    const declared = new Set(dashboard.templating.list.map(({ name }) => name))
    const titles = dashboard.panels.map(({ title }) => title)
    assert.equal(new Set(titles).size, titles.length)
    for (const [, name = ''] of textOf('infra/dashboards/vault.json').matchAll(/\$\{?(\w+)/g))
      assert.ok(declared.has(name) || name === '__all', name)
  })

  test('jobs are told of from the start on, counted by how they end, and seen when they stop ending well', async () => {
    await using opened = await openVault({ metricsPort: 0 })
    const { jobs } = opened.door
    const signal = new AbortController().signal
    const fails = { name: 'fails', everyMs: 1, firstAfterMs: 1, run: () => Promise.reject(new Error('planted')) }
    jobs.expect('never')
    await runOnce(opened.vault, { ...fails, name: 'works', run: async () => 0 }, signal, jobs)
    await runOnce(opened.vault, fails, signal, jobs)
    const { text } = await exposedBy(opened)
    const row = (start: string) => text.split('\n').find(line => line.startsWith(start)) ?? assert.fail(start)
    assert.match(row('vault_job_runs_total{task="works",out="done"}'), / 1$/)
    assert.match(row('vault_job_runs_total{task="fails",out="failed"}'), / 1$/)
    assert.match(row('vault_job_last_done_timestamp_seconds{task="never"}'), / 0$/)
    assert.match(row('vault_job_last_done_timestamp_seconds{task="works"}'), / 1[0-9.]+(e\+\d+)?$/)
    assert.match(row('vault_build_info{'), /roles="intake,access,jobs/)
    assert.ok(!text.includes('vault_part_failing{'), 'nothing fails')
  })
})

/** Guards against a YAML reader that understands less than it says. */
test('a list of maps is read with all its members, and half a map is refused', () => {
  const read = readPlainYaml('a:\n  - x: 1\n    y:\n      - p\n      - q\n  - x: "2: 3"\nb: c\n') as {
    readonly a: Plain
  }
  assert.deepEqual(read, { a: [{ x: '1', y: ['p', 'q'] }, { x: '2: 3' }], b: 'c' })
  assert.throws(() => readPlainYaml('a:\n  - x: 1\n     y: 2\n'))
})
