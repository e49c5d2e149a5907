import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { S3Client } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'

export interface S3Place {
  readonly region: string
  readonly bucket: string
  /** Of a server other than AWS, addressed by path; AWS itself when absent. */
  readonly endpoint?: string
  /** Found as the AWS SDK finds them (role, profile, environment) when absent. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

/** Each open read holds one until its client has taken the last byte, so a few slow clients must not use them up. */
const maxSockets = 512

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** A client that repeats nothing by itself: the SDK repeats no body that is a stream, and counts attempts instead of time. */
export function newS3Client({ region, endpoint, credentials }: S3Place): S3Client {
  const agents = { keepAlive: true, maxSockets }
  return new S3Client({
    region,
    maxAttempts: 1,
    // Its lines go to the console and quote requests; what matters reaches the vault's own log as the cause of an error.
    logger: silent,
    requestHandler: new NodeHttpHandler({
      httpAgent: new HttpAgent(agents),
      httpsAgent: new HttpsAgent(agents),
      connectionTimeout: 2_000,
      requestTimeout: 15_000,
      throwOnRequestTimeout: true,
      logger: silent,
    }),
    ...(credentials ? { credentials } : {}),
    ...(endpoint === undefined
      ? {}
      : {
          endpoint,
          forcePathStyle: true,
          requestChecksumCalculation: 'WHEN_REQUIRED',
          responseChecksumValidation: 'WHEN_REQUIRED',
        }),
  })
}
