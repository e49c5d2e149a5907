import { randomBytes, randomInt } from 'node:crypto'

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** A new key `kv_<keyId>_<secret>`: 16 random characters that name it and 32 random bytes that prove it. */
export function newApiKeyText(): { readonly keyId: string; readonly secret: string; readonly text: string } {
  const keyId = Array.from({ length: 16 }, () => letters.charAt(randomInt(letters.length))).join('')
  const secret = randomBytes(32).toString('base64url')
  return { keyId, secret, text: `kv_${keyId}_${secret}` }
}
