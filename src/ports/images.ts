import type { ImageKind } from '../domain/media.ts'

/** What a picture's header says of it; sides as they are stored, before orientation. */
export interface ImageFacts {
  readonly kind: ImageKind
  readonly width: number
  readonly height: number
  readonly frames: number
}

/** A picture written anew: pixels only, sides as they are shown. */
export interface NormalisedImage {
  readonly kind: ImageKind
  readonly bytes: Uint8Array
  readonly width: number
  readonly height: number
}

/**
 * Pictures, decoded only after their size is known. Buffers in, buffers out: no file name reaches a decoder.
 *
 * @throws {VaultError} file.broken - not decodable, truncated, or not of that kind
 */
export interface Images {
  /** From the header alone: nothing is decoded. */
  inspect(unverified: Uint8Array): Promise<ImageFacts>
  /**
   * Re-encoded in its own kind with orientation applied and every metadata segment, profile, thumbnail and trailing byte gone.
   * @throws {VaultError} file.pixels - more than the limits allow, found while decoding
   * @throws {VaultError} file.too-complex - not done within `limits.image.decodeTimeoutMs`
   */
  normalise(unverified: Uint8Array, kind: ImageKind, signal: AbortSignal): Promise<NormalisedImage>
}
