import { createDecipheriv } from 'node:crypto'
import { type KeyContext, serializeContext } from '../../src/domain/key-context.ts'
import { bodyBytesOf, type Layout } from '../../src/guards/frames.ts'
import type { MessageHeader } from '../../src/guards/message-header.ts'
import type { EncryptedDataKey } from '../../src/ports/wrapped-keys.ts'

/** A message taken apart without any key. */
export interface ParsedMessage extends MessageHeader {
  readonly commitKey: Buffer
  readonly header: Buffer
  readonly body: Buffer
  /** As the frames lie, so that a last frame without content after full ones is a layout too. */
  readonly layout: Layout
}

/** Reads a framed message, version 2, suite 0x0478; undefined when it is of another suite or not framed. */
export function parseMessage(message: Buffer): ParsedMessage | undefined {
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > message.length) throw new RangeError('the message ends early')
    at += length
    return message.subarray(at - length, at)
  }
  const field = (): Buffer => take(take(2).readUInt16BE())
  if (take(3).toString('hex') !== '020478') return undefined
  const messageId = take(32)
  const context = parseContext(field())
  const edks: EncryptedDataKey[] = []
  for (let left = take(2).readUInt16BE(); left > 0; left--) {
    edks.push({ provider: field().toString('utf8'), info: field(), blob: field() })
  }
  if (take(1)[0] !== 2) return undefined
  const frameBytes = take(4).readUInt32BE()
  const commitKey = take(32)
  take(16)
  const body = message.subarray(at)
  return {
    messageId,
    context,
    edks,
    frameBytes,
    commitKey,
    header: message.subarray(0, at),
    body,
    layout: layoutIn(body, frameBytes),
  }
}

function layoutIn(body: Buffer, frameBytes: number): Layout {
  let frames = 1
  let at = 0
  while (body.readUInt32BE(at) !== 0xffff_ffff) {
    frames++
    at += frameBytes + 32
  }
  const ivPrefix = body.readBigUInt64BE(at + 8)
  const layout = { frameBytes, frames, lastBytes: body.readUInt32BE(at + 20), ivPrefix }
  if (bodyBytesOf(layout) !== body.length) throw new RangeError('the body is not of one piece')
  return layout
}

function parseContext(bytes: Buffer): KeyContext {
  const pairs: [string, string][] = []
  let at = 2
  const text = (): string => {
    const start = at + 2
    at = start + bytes.readUInt16BE(at)
    return bytes.toString('utf8', start, at)
  }
  while (at < bytes.length) pairs.push([text(), text()])
  return Object.fromEntries(pairs)
}

/** Opens a data key that any raw AES keyring wrapped; throws when it is another key or context. */
export function unwrapRaw(edk: EncryptedDataKey, wrappingKey: Uint8Array, context: KeyContext): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', wrappingKey, edk.info.subarray(-12), { authTagLength: 16 })
  decipher.setAAD(serializeContext(context))
  decipher.setAuthTag(edk.blob.subarray(-16))
  return Buffer.concat([decipher.update(edk.blob.subarray(0, -16)), decipher.final()])
}
