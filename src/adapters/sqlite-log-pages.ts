import { closeSync, openSync, readSync } from 'node:fs'

const logHeaderBytes = 32
const frameHeaderBytes = 24

/**
 * The numbers of the pages that have a frame in a write-ahead log. Frames of an older round of the log are
 * included, since nothing is lost by one page too many.
 *
 * @source SQLite database file format, 4.1 "WAL file format"
 */
export function pagesInLog(path: string, pageBytes: number): ReadonlySet<number> {
  const pages = new Set<number>()
  // Nothing of SQLite is locked by a descriptor of the log, so this one may be closed.
  const log = openSync(path, 'r')
  try {
    const head = Buffer.alloc(4)
    for (let at = logHeaderBytes; readSync(log, head, 0, 4, at) === 4; at += frameHeaderBytes + pageBytes) {
      pages.add(head.readUInt32BE())
    }
  } finally {
    closeSync(log)
  }
  return pages
}
