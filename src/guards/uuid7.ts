import { randomFillSync } from 'node:crypto'

const bytesPerId = 10
const pool = Buffer.alloc(bytesPerId * 512)
let poolAt = pool.length
let lastMs = 0
let counter = 0

/**
 * A UUIDv7, lower case: 48 bits of epoch milliseconds, a 12-bit counter that starts at a random point below half in each
 * millisecond, 62 random bits. Strictly ascending within the process even when the clock stands still or goes back: it then
 * counts on from the last time it gave, and borrows a millisecond from the future when the counter is used up.
 *
 * @source RFC 9562, 5.7 and 6.2 method 1
 */
export function newUuid7(nowMs: number = Date.now()): string {
  if (poolAt === pool.length) {
    randomFillSync(pool)
    poolAt = 0
  }
  const variant = 0x8000 | (pool.readUInt16BE(poolAt) & 0x3fff)
  const node = pool.readUIntBE(poolAt + 2, 6)
  count(nowMs, pool.readUInt16BE(poolAt + 8) & 0x7ff)
  poolAt += bytesPerId
  const time = hex(lastMs, 12)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(counter, 3)}-${hex(variant, 4)}-${hex(node, 12)}`
}

function count(nowMs: number, start: number): void {
  if (nowMs <= lastMs && counter < 0xfff) {
    counter++
    return
  }
  lastMs = Math.max(Math.floor(nowMs), lastMs + 1)
  counter = start
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
