import { DatabaseSync } from 'node:sqlite'
import { SqliteBudgets } from '../../src/adapters/sqlite-budgets.ts'
import { openSqlite } from '../../src/adapters/sqlite-thread.ts'
import { SqliteTrailBatches } from '../../src/adapters/sqlite-trail-batches.ts'
import { holdWriterLock } from '../../src/adapters/sqlite-writer-lock.ts'
import { aBatch } from '../contracts/trail-batches.contract.ts'

/**
 * A second process for suites that need one: `lock-file <file>` holds a file exclusively, `read-file <file>` is in the midst
 * of reading it, `writer-lock <folder>` holds the data folder, `spend <folder>` spends 5 from a budget, `append <folder>`
 * appends batches for ever and prints each number once it is acknowledged. Each prints a line when it has begun, and ends
 * when it is killed or its standard input ends.
 */
const [, , task, path = ''] = process.argv

process.stdin.resume()
process.stdin.once('end', () => process.exit(0))

switch (task) {
  case 'lock-file': {
    const database = new DatabaseSync(path)
    database.exec('BEGIN EXCLUSIVE')
    say('locked')
    break
  }
  case 'read-file': {
    const database = new DatabaseSync(path)
    database.exec('BEGIN')
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
    say('reading')
    break
  }
  case 'spend': {
    const { spent } = await new SqliteBudgets(await openSqlite(path)).spend('k', 0, 5, 5)
    say(String(spent))
    break
  }
  case 'writer-lock':
    say((await holdWriterLock(path)) === undefined ? 'refused' : 'held')
    break
  case 'append': {
    const batches = new SqliteTrailBatches(await openSqlite(path))
    for (let seq = 0; ; seq++) {
      // Every nonce names its number, so that what is found later can be told from garbage.
      const nonce = new Uint8Array(16)
      new DataView(nonce.buffer).setUint32(0, seq)
      if ((await batches.insert(aBatch({ seq, first: seq, nonce }))) === 'inserted') say(String(seq))
    }
  }
  default:
    throw new Error('no such task')
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
