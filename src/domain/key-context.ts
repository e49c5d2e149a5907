import type { DocumentId, SubjectId, TenantId } from './ids.ts'

/** Bound to every data key as additional authenticated data; opaque ids only, since KMS logs it in clear. */
export type KeyContext = Readonly<Record<string, string>>

/**
 * What a document's data key is bound to. On a read each id comes from where it is authoritative: the tenant from the
 * credential, the document from the path, the subject from the document's row, and none from the wrapped key.
 */
export function documentContext(of: {
  readonly tenant: TenantId
  readonly subject: SubjectId
  readonly document: DocumentId
}): KeyContext {
  return { document: of.document, fmt: '1', purpose: 'document', subject: of.subject, tenant: of.tenant }
}

/**
 * The context as bytes, for the header of a message and as the AAD of a wrapped key: uint16 count, then the pairs in the
 * order of their keys' UTF-8 bytes, each as uint16 length, key, uint16 length, value; big-endian. No pairs give no bytes.
 *
 * @throws {RangeError} more pairs or longer texts than 65,535, which is a defect of the caller
 * @source AWS Encryption SDK message format, "Encryption Context"
 */
export function serializeContext(context: KeyContext): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder()
  const pairs = Object.entries(context)
    .map(([key, value]) => [encoder.encode(key), encoder.encode(value)] as const)
    .sort(([a], [b]) => compareBytes(a, b))
  if (pairs.length === 0) return new Uint8Array(0)
  const bytes = new Uint8Array(2 + pairs.reduce((sum, [key, value]) => sum + 4 + key.length + value.length, 0))
  const view = new DataView(bytes.buffer)
  let at = writeUint16(view, 0, pairs.length)
  for (const text of pairs.flat()) {
    at = writeUint16(view, at, text.length)
    bytes.set(text, at)
    at += text.length
  }
  return bytes
}

function writeUint16(view: DataView, at: number, value: number): number {
  if (value > 0xffff) throw new RangeError('a key context holds at most 65,535 pairs and bytes per text')
  view.setUint16(at, value)
  return at + 2
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
