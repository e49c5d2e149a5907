/** A range of bytes in a page: from, and up to but not including, an offset. */
export type Range = readonly [from: number, to: number]

/** Of each kind of b-tree page, by its first byte: how long its header is. */
const headerBytes = new Map([
  [2, 12],
  [5, 12],
  [10, 8],
  [13, 8],
])
/** The first page begins with the header of the file. */
const fileHeaderBytes = 100
/**
 * From so many pages on the number of the next page, with which an overflow page begins, could look like the kind of a b-tree
 * page. That is 128 GiB with pages of 4 KiB.
 */
export const mostPages = 0x02_00_00_00

/**
 * What of a page belongs to no cell: the middle between pointers and cells, and what lies in blocks that were freed. SQLite
 * never reads it. Empty for pages that are no b-tree, and for one whose header does not hold together, which is left alone.
 *
 * @param page one page, as long as the file's pages are
 * @source SQLite database file format, 1.6 "B-tree pages"
 */
export function unusedIn(page: Buffer, isFirst: boolean): readonly Range[] {
  const head = isFirst ? fileHeaderBytes : 0
  const header = headerBytes.get(page[head] ?? 0)
  if (header === undefined) return []
  const from = head + header + 2 * page.readUInt16BE(head + 3)
  const to = page.readUInt16BE(head + 5) || 65_536
  if (from > to || to > page.length) return []
  return [[from, to], ...freeBlocksOf(page, page.readUInt16BE(head + 1), to)]
}

/** The inside of each free block, without the two numbers at its beginning; they lie in order, so the chain ends. */
function freeBlocksOf(page: Buffer, first: number, cells: number): readonly Range[] {
  const blocks: Range[] = []
  let least = cells
  for (let at = first; at !== 0; ) {
    if (at < least || at + 4 > page.length) return blocks
    const end = at + page.readUInt16BE(at + 2)
    if (end < at + 4 || end > page.length) return blocks
    blocks.push([at + 4, end])
    least = end
    at = page.readUInt16BE(at)
  }
  return blocks
}
