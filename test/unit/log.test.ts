import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PinoLog } from '../../src/adapters/pino-log.ts'
import type { LogFields } from '../../src/ports/log.ts'

function logged(level: 'info' | 'error', write: (log: PinoLog) => void): Record<string, unknown>[] {
  const lines: string[] = []
  write(new PinoLog(level, { write: line => void lines.push(line) }))
  return lines.map(line => JSON.parse(line))
}

test('a line holds its level, time, event and allowed fields', () => {
  const [line] = logged('info', log => log.warn('job failed', { job: 'sweep', count: 3 }))
  assert.deepEqual(Object.keys(line ?? {}), ['level', 'time', 'job', 'count', 'msg'])
  assert.equal(line?.['level'], 'warn')
  assert.equal(line?.['msg'], 'job failed')
})

test('what is not allowed by name and type never reaches a line', () => {
  const sneaked = {
    fileName: 'ktp.jpg',
    err: new Error('x'),
    status: 'Budi',
    tenant: { name: 'Budi' },
    __proto__: null,
  }
  const [line] = logged('info', log => log.info('event', sneaked as unknown as LogFields))
  assert.deepEqual(Object.keys(line ?? {}), ['level', 'time', 'msg'])
})

test('long texts are cut, and line ends cannot forge a second line', () => {
  const lines = logged('info', log => log.info('event', { route: `a\n{"level":"error"}${'x'.repeat(500)}` }))
  assert.equal(lines.length, 1)
  assert.equal(String(lines[0]?.['route']).length, 128)
})

test('lines below the level are dropped', () => {
  assert.equal(logged('error', log => log.info('event')).length, 0)
})
