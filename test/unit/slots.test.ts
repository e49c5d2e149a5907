import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Slots } from '../../src/domain/slots.ts'

const never = new AbortController().signal

suite('slots', () => {
  test('work begins in the order it came, and never more than there are places', async () => {
    const slots = new Slots(2)
    const order: number[] = []
    let running = 0
    let most = 0
    const work = (name: number) => async () => {
      order.push(name)
      running += 1
      most = Math.max(most, running)
      await new Promise(resolve => setImmediate(resolve))
      running -= 1
    }
    await Promise.all(Array.from({ length: 20 }, (_, i) => slots.run(never, work(i))))
    assert.deepEqual(
      order,
      Array.from({ length: 20 }, (_, i) => i),
    )
    assert.equal(most, 2)
  })

  test('a place is free again after work that failed', async () => {
    const slots = new Slots(1)
    await assert.rejects(
      slots.run(never, () => Promise.reject(new Error('failed'))),
      /failed/,
    )
    assert.equal(await slots.run(never, () => Promise.resolve('done')), 'done')
  })

  test('who gives up while waiting leaves the line, and the next one moves up', async () => {
    const slots = new Slots(1)
    const gate = Promise.withResolvers<void>()
    const first = slots.run(never, () => gate.promise)
    const abort = new AbortController()
    const second = slots.run(abort.signal, () => Promise.reject(new Error('must not begin')))
    const third = slots.run(never, () => Promise.resolve('third'))
    const reason = new Error('gone')
    abort.abort(reason)
    await assert.rejects(second, error => error === reason)
    gate.resolve()
    await first
    assert.equal(await third, 'third')
  })

  test('nobody comes in between when a place is handed on', async () => {
    const slots = new Slots(1)
    let running = 0
    const work = async (): Promise<void> => {
      running += 1
      assert.equal(running, 1)
      await Promise.resolve()
      running -= 1
    }
    const first = slots.run(never, work)
    const second = slots.run(never, work)
    const third = first.then(() => slots.run(never, work))
    await Promise.all([first, second, third])
  })
})
