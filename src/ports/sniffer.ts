/** Tells what a file is by its first bytes. */
export interface Sniffer {
  /** The media type of the content, such as `image/jpeg`, whether the vault takes it or not; undefined when unknown. */
  mediaTypeOf(unverified: Uint8Array): Promise<string | undefined>
}
