import { randomBytes } from 'node:crypto'
import {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from '@aws-crypto/client-node'

/** The AWS Encryption SDK, whose message format the vault's body is; `frameBytes` absent is its defaults, signature included. */
export interface EncryptionSdk {
  encrypt(plaintext: Buffer): Promise<Buffer>
  decrypt(message: Buffer): Promise<Buffer>
}

const sdk = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)

export function encryptionSdk(frameBytes?: number): EncryptionSdk {
  const keyring = new RawAesKeyringNode({
    keyNamespace: 'bench',
    keyName: 'bench',
    unencryptedMasterKey: new Uint8Array(randomBytes(32)),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  })
  const equal =
    frameBytes === undefined
      ? {}
      : { frameLength: frameBytes, suiteId: AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY }
  return {
    encrypt: async plaintext =>
      (await sdk.encrypt(keyring, plaintext, { ...equal, plaintextLength: plaintext.length })).result,
    decrypt: async message => (await sdk.decrypt(keyring, message)).plaintext,
  }
}
