import { limits } from '../domain/media.ts'
import { judgePdf } from './pdf-rules.ts'

/**
 * The program of the process in which one PDF at a time is judged (child-pdfs.ts starts it). In: a length (uint32, big-endian)
 * and that many bytes. Out: `ready`, then one line of JSON for each file. It ends when its parent is gone, and it dies of
 * anything that it did not expect: the parent knows what that means.
 */
let file: Buffer | undefined
let filled = 0
const prefix = Buffer.alloc(4)
let prefixed = 0

process.stdout.write('ready\n')
for await (const chunk of process.stdin) {
  for (let rest = chunk as Buffer; rest.length > 0; ) rest = await accept(rest)
}

async function accept(chunk: Buffer): Promise<Buffer> {
  if (!file) {
    const used = chunk.copy(prefix, prefixed)
    prefixed += used
    if (prefixed === prefix.length) open(prefix.readUInt32BE())
    return chunk.subarray(used)
  }
  const used = chunk.copy(file, filled)
  filled += used
  if (filled === file.length) await judge(file)
  return chunk.subarray(used)
}

function open(length: number): void {
  if (length === 0 || length > limits.pdf.maxBytes) process.exit(1)
  file = Buffer.alloc(length)
  filled = 0
}

async function judge(whole: Buffer): Promise<void> {
  const verdict = await judgePdf(whole)
  // The plaintext does not outlive its check.
  whole.fill(0)
  file = undefined
  prefixed = 0
  process.stdout.write(`${JSON.stringify(verdict)}\n`)
}
