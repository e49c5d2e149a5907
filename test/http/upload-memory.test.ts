import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { VaultError } from '../../src/domain/errors.ts'
import { UploadMemory } from '../../src/http/upload-memory.ts'

const MiB = 1024 * 1024
const noSlot = (error: unknown): boolean => error instanceof VaultError && error.code === 'capacity.no-slot'

test('what is added in pieces is there in one, with a declared length and without', () => {
  for (const declared of [3 * MiB, undefined]) {
    const lease = new UploadMemory(64 * MiB).lease(declared, 20 * MiB)
    const pieces = Array.from({ length: 30 }, () => randomBytes(100_000))
    for (const piece of pieces) lease.add(piece)
    assert.deepEqual(Buffer.from(lease.contents()), Buffer.concat(pieces))
  }
})

test('the budget is one sum: a lease that would exceed it is refused, and an ended one makes room', () => {
  const memory = new UploadMemory(10 * MiB)
  const first = memory.lease(6 * MiB, 20 * MiB)
  assert.throws(() => memory.lease(5 * MiB, 20 * MiB), noSlot)
  const second = memory.lease(4 * MiB, 20 * MiB)
  assert.equal(memory.usedBytes, 10 * MiB)
  first.end(true)
  first.end(true)
  assert.equal(memory.usedBytes, 4 * MiB)
  second.end(false)
  assert.equal(memory.usedBytes, 0)
})

test('an upload of unknown length counts as the largest', () => {
  const memory = new UploadMemory(20 * MiB)
  memory.lease(undefined, 20 * MiB)
  assert.throws(() => memory.lease(1, 20 * MiB), noSlot)
})

test('a buffer that is used again holds nothing of the paper before', () => {
  const memory = new UploadMemory(64 * MiB)
  const first = memory.lease(MiB, 20 * MiB)
  first.add(Buffer.alloc(900_000, 0x41))
  const { buffer } = first.contents()
  first.end(true)
  const second = memory.lease(MiB, 20 * MiB)
  second.add(Buffer.of(1))
  assert.equal(second.contents().buffer, buffer, 'the buffer is used again')
  assert.ok(!Buffer.from(buffer).includes(0x41))
})

test('a buffer that something may still be reading is wiped and not used again', () => {
  const memory = new UploadMemory(64 * MiB)
  const first = memory.lease(MiB, 20 * MiB)
  first.add(Buffer.alloc(1_000, 0x41))
  const { buffer } = first.contents()
  first.end(false)
  assert.ok(!Buffer.from(buffer).includes(0x41))
  const second = memory.lease(MiB, 20 * MiB)
  second.add(Buffer.of(1))
  assert.notEqual(second.contents().buffer, buffer)
})
