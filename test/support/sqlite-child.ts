import { DatabaseSync } from 'node:sqlite'
import { SqliteBudgets } from '../../src/adapters/sqlite-budgets.ts'
import { SqliteLedger } from '../../src/adapters/sqlite-ledger.ts'
import { openSqlite, type SqliteThread } from '../../src/adapters/sqlite-thread.ts'
import { SqliteTrailBatches } from '../../src/adapters/sqlite-trail-batches.ts'
import { holdWriterLock } from '../../src/adapters/sqlite-writer-lock.ts'
import { anAnswer } from '../contracts/ledger-rows.ts'
import { aBatch } from '../contracts/trail-batches.contract.ts'
import { rawGrant } from './raw-grant.ts'

/**
 * A second process for suites that need one: `lock-file <file>` holds a file exclusively, `read-file <file>` is in the midst
 * of reading it, `writer-lock <folder>` holds the data folder, `spend <folder>` spends 5 from a budget, `append <folder>`
 * appends batches for ever and prints each number once it is acknowledged, `scrub <folder>` puts and forgets answers while it
 * scrubs the ledger again and again, and prints the key of each that stays. Each prints a line when it has begun, and ends
 * when it is killed or its standard input ends.
 */
const [, , task, path = ''] = process.argv

process.stdin.resume()
process.stdin.once('end', () => process.exit(0))

switch (task) {
  case 'lock-file': {
    const database = new DatabaseSync(path)
    database.exec('BEGIN EXCLUSIVE')
    await say('locked')
    break
  }
  case 'read-file': {
    const database = new DatabaseSync(path)
    database.exec('BEGIN')
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
    await say('reading')
    break
  }
  case 'spend': {
    const { spent } = await new SqliteBudgets(await openSqlite(path)).spend('k', 0, 5, 5)
    await say(String(spent))
    break
  }
  case 'writer-lock':
    await say((await holdWriterLock(path)) === undefined ? 'refused' : 'held')
    break
  case 'append': {
    const batches = new SqliteTrailBatches(await openSqlite(path))
    for (let seq = 0; ; seq++) {
      // Every nonce names its number, so that what is found later can be told from garbage.
      const nonce = new Uint8Array(16)
      new DataView(nonce.buffer).setUint32(0, seq)
      if ((await batches.insert(aBatch({ seq, first: seq, nonce }))) === 'inserted') await say(String(seq))
    }
  }
  case 'scrub': {
    const thread = await openSqlite(path)
    void scrubForEver(thread)
    await Promise.all(Array.from({ length: 8 }, () => putAndForget(new SqliteLedger(thread))))
    break
  }
  default:
    throw new Error('no such task')
}

async function scrubForEver(thread: SqliteThread): Promise<void> {
  for (;;) await thread.scrub('ledger')
}

async function putAndForget(ledger: SqliteLedger): Promise<void> {
  for (let n = 0; ; n++) {
    const answer = anAnswer({ state: 'done', body: 'x'.repeat(n % 700) })
    await ledger.commit(rawGrant, [{ row: 'answer', expected: 0, put: answer }])
    if (n % 3 === 0) await say(answer.key)
    else await ledger.commit(rawGrant, [{ row: 'answer', expected: 1, forget: { key: answer.key } }])
  }
}

/** Resolves once the line is out of this process: what waits in its memory for a slow reader is gone when it is killed. */
async function say(line: string): Promise<void> {
  await new Promise<void>(resolve => process.stdout.write(`${line}\n`, () => resolve()))
}
