import { KMSClient } from '@aws-sdk/client-kms'
import { S3Client } from '@aws-sdk/client-s3'

/** One command that a client of the AWS SDK was given to send. */
export interface SentCommand {
  readonly name: string
  readonly input: Readonly<Record<string, unknown>>
}

/** While it is on, notes every command that any KMS or S3 client of this process sends; they are sent all the same. */
export function recordAws(): Disposable & { readonly sent: SentCommand[] } {
  const sent: SentCommand[] = []
  const undo = [KMSClient, S3Client].map(Client => {
    const { prototype } = Client as unknown as { prototype: { send: (...args: unknown[]) => unknown } }
    const { send } = prototype
    prototype.send = function record(this: unknown, ...args: unknown[]) {
      const [command] = args as [
        { readonly constructor: { readonly name: string }; readonly input: SentCommand['input'] },
      ]
      sent.push({ name: command.constructor.name.replace(/Command$/, ''), input: command.input })
      return Reflect.apply(send, this, args)
    }
    // The method is inherited: what is put in front of it is taken away again.
    return () => Reflect.deleteProperty(prototype, 'send')
  })
  return {
    sent,
    [Symbol.dispose]() {
      for (const take of undo) take()
    },
  }
}
