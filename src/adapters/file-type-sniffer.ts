import type { Sniffer } from '../ports/sniffer.ts'

/** As much as any signature needs that file-type knows. */
const signatureBytes = 4_100

/** By signature alone: `%PDF-` and nonsense is a PDF here, and broken to the check that follows. */
export class FileTypeSniffer implements Sniffer {
  async mediaTypeOf(unverified: Uint8Array): Promise<string | undefined> {
    const { fileTypeFromBuffer } = await import('file-type')
    // A copy, since the parser may keep a view; what it walks is bounded by it.
    const head = unverified.slice(0, signatureBytes)
    try {
      const found = await fileTypeFromBuffer(head)
      return found?.mime
    } catch {
      // It follows containers and can run off the end of one that was cut here or is a lie: that is an unknown type.
      return undefined
    }
  }
}
