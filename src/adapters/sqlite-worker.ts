import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort } from 'node:worker_threads'
import { SqliteFile } from './sqlite-file.ts'
import { Lane } from './sqlite-lane.ts'
import { type FromWorker, largeBuffers, monotonicMs, type Reply, type ToWorker } from './sqlite-message.ts'
import { type SqliteFileName, sqliteFileNames, sqliteSchemas } from './sqlite-schema.ts'

const port = parentPort
if (port === null) throw new Error('runs as a worker thread only')
const retryLockMs = 10

const lanes = new Map<SqliteFileName, Lane>()
let isScheduled = false
let retry: NodeJS.Timeout | undefined

port.on('message', (message: ToWorker) => {
  if (message === 'close') return close()
  if ('open' in message) return open(message.open)
  for (const request of message) lanes.get(request.file)?.push(request)
  // Whatever else has arrived by the next turn joins the same commit.
  schedule()
})

function schedule(): void {
  if (isScheduled) return
  isScheduled = true
  setImmediate(serve)
}

/** What fails here ends the thread. */
function open(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  for (const name of sqliteFileNames) {
    lanes.set(name, new Lane(new SqliteFile(join(folder, `${name}.sqlite`), sqliteSchemas[name]), send))
  }
  port?.postMessage('opened' satisfies FromWorker)
}

/** A file that another process has locked is tried again by a timer, so that the others go on meanwhile. */
function serve(): void {
  isScheduled = false
  const outcomes = [...lanes.values()].map(lane => lane.serve(monotonicMs()))
  if (outcomes.includes('more')) schedule()
  if (!outcomes.includes('locked') || retry !== undefined) return
  retry = setTimeout(() => {
    retry = undefined
    serve()
  }, retryLockMs)
}

function close(): void {
  clearTimeout(retry)
  for (const lane of lanes.values()) lane.close(monotonicMs())
  port?.close()
}

function send(replies: readonly Reply[]): void {
  const rows = replies.flatMap(reply => ('rows' in reply ? reply.rows : []))
  port?.postMessage(replies satisfies FromWorker, largeBuffers(rows.flatMap(row => Object.values(row))))
}
