/**
 * The body of a sealed document, format 1: where each frame lies and which bytes surround its ciphertext. It is the framed
 * body of an AWS Encryption SDK message, format 2, algorithm suite 0x0478. All numbers are big-endian.
 *
 * Plaintext of P bytes stands in n = max(1, ceil(P / F)) frames numbered 1 to n; only frame n is final, with L = P - (n-1)F
 * bytes. A regular frame is `sequence(4) IV(12) ciphertext(F) tag(16)`, the final one
 * `FFFFFFFF sequence(4) IV(12) length(4) ciphertext(L) tag(16)`. The IV is eight zero bytes and the sequence number. The AAD
 * of a frame is `messageId(32) label sequence(4) plaintext length of the frame(8)`.
 *
 * @source AWS Encryption SDK message format reference, "Body structure" and "Body AAD"
 */
export interface Layout {
  /** F, plaintext bytes of a regular frame: 1 to 2^32 - 1. */
  readonly frameBytes: number
  /** n, at least 1. */
  readonly frames: number
  /** L, plaintext bytes of the final frame: 0 to F. */
  readonly lastBytes: number
  /** The first eight bytes of every IV as a number: zero in everything the vault seals, while other writers may differ. */
  readonly ivPrefix: bigint
}

/** F of everything the vault seals. */
export const sealedFrameBytes = 65_536
export const tagBytes = 16
export const ivBytes = 12
const regularHeaderBytes = 4 + ivBytes
const finalHeaderBytes = 4 + 4 + ivBytes + 4
const finalMarker = 0xffff_ffff

/**
 * The one layout that a sealer gives to P bytes.
 * @throws {RangeError} a size that no sealed document has, which is a defect of the caller
 */
export function layoutOf(plaintextBytes: number, frameBytes: number): Layout {
  const sound = Number.isSafeInteger(plaintextBytes) && plaintextBytes >= 0 && Number.isInteger(frameBytes)
  if (!sound || frameBytes < 1 || frameBytes >= finalMarker) throw new RangeError('no such layout')
  const frames = Math.max(1, Math.ceil(plaintextBytes / frameBytes))
  if (frames >= finalMarker) throw new RangeError('no such layout')
  return { frameBytes, frames, lastBytes: plaintextBytes - (frames - 1) * frameBytes, ivPrefix: 0n }
}

/** P. */
export function plaintextBytesOf(layout: Layout): number {
  return (layout.frames - 1) * layout.frameBytes + layout.lastBytes
}

/** Bytes of the stored body: every frame with its header and tag. */
export function bodyBytesOf(layout: Layout): number {
  return frameOffset(layout, layout.frames) + finalHeaderBytes + layout.lastBytes + tagBytes
}

/** Where frame k begins in the body; k from 1. */
export function frameOffset(layout: Layout, sequence: number): number {
  return (sequence - 1) * (regularHeaderBytes + layout.frameBytes + tagBytes)
}

/** Plaintext bytes of frame k. */
export function frameLength(layout: Layout, sequence: number): number {
  return sequence === layout.frames ? layout.lastBytes : layout.frameBytes
}

/** The frames that hold some plaintext, and the bytes [start, end) of the body that they fill. */
export interface FrameRange {
  readonly first: number
  readonly last: number
  readonly start: number
  readonly end: number
}

/**
 * The frames that hold the plaintext [start, end). A range that reaches the end has the final frame, even one without
 * content, so that the end itself is verified.
 * @throws {RangeError} bounds outside of the plaintext, which is a defect of the caller
 */
export function framesOf(layout: Layout, start: number, end: number): FrameRange {
  const sound = Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0
  if (!sound || start > end || end > plaintextBytesOf(layout)) throw new RangeError('a range outside of the document')
  const frameOf = (at: number): number => Math.min(Math.floor(at / layout.frameBytes) + 1, layout.frames)
  const first = frameOf(start)
  const last = end === plaintextBytesOf(layout) ? layout.frames : frameOf(Math.max(start, end - 1))
  const bodyEnd = last === layout.frames ? bodyBytesOf(layout) : frameOffset(layout, last + 1)
  return { first, last, start: frameOffset(layout, first), end: bodyEnd }
}

/** Bytes before the ciphertext of frame `sequence`, counted from 1. */
export function headerLength(layout: Layout, sequence: number): number {
  return sequence === layout.frames ? finalHeaderBytes : regularHeaderBytes
}

/** Writes what stands before the ciphertext of frame k. `target` may hold anything before. */
export function writeHeader(layout: Layout, sequence: number, target: Buffer, at: number): void {
  const final = sequence === layout.frames
  const start = final ? target.writeUInt32BE(finalMarker, at) : at
  target.writeUInt32BE(sequence, start)
  target.writeBigUInt64BE(layout.ivPrefix, start + 4)
  target.writeUInt32BE(sequence, start + ivBytes)
  if (final) target.writeUInt32BE(layout.lastBytes, start + regularHeaderBytes)
}

/** The nonce and the associated data of one frame; both buffers are written anew by the next call for the same message. */
export interface FrameBinding {
  readonly iv: Buffer
  readonly aad: Buffer
}

/** @param messageId 32 bytes */
export function bindFrames(layout: Layout, messageId: Uint8Array): (sequence: number) => FrameBinding {
  const iv = Buffer.alloc(ivBytes)
  iv.writeBigUInt64BE(layout.ivPrefix)
  const regular = aadOf(messageId, 'AWSKMSEncryptionClient Frame')
  const final = aadOf(messageId, 'AWSKMSEncryptionClient Final Frame')
  return sequence => {
    const aad = sequence === layout.frames ? final : regular
    iv.writeUInt32BE(sequence, ivBytes - 4)
    aad.writeUInt32BE(sequence, aad.length - 12)
    // A frame is shorter than 2^32 bytes, so the upper half of its 64-bit length stays zero.
    aad.writeUInt32BE(frameLength(layout, sequence), aad.length - 4)
    return { iv, aad }
  }
}

function aadOf(messageId: Uint8Array, label: string): Buffer {
  return Buffer.concat([messageId, Buffer.from(label, 'ascii'), Buffer.alloc(12)])
}
