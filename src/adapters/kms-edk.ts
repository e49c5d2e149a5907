import type { EncryptedDataKey } from '../ports/wrapped-keys.ts'

const provider = 'aws-kms'
const maxBlobBytes = 6_144

/** As the KMS keyring of the AWS Encryption SDK writes it: info = UTF-8 of the exact key ARN, blob = CiphertextBlob. */
export function kmsEdk(arn: string, blob: Uint8Array): EncryptedDataKey {
  return { provider, info: new TextEncoder().encode(arn), blob: new Uint8Array(blob) }
}

/** The ARN that an encrypted data key of this shape names; undefined of any other. */
export function arnNamedBy({ provider: by, info, blob }: EncryptedDataKey): string | undefined {
  if (by !== provider || blob.byteLength === 0 || blob.byteLength > maxBlobBytes) return undefined
  const arn = Buffer.from(info).toString('utf8')
  return arn.startsWith('arn:') && Buffer.from(arn, 'utf8').equals(info) ? arn : undefined
}
