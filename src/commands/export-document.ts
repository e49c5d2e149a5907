import { type FileHandle, open } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Exported, exportDocument as exportVerb } from '../access/export-document.ts'
import { readConfig } from '../config.ts'
import { parseCaseReference, parseDocumentId } from '../domain/ids.ts'
import type { Recipient } from '../guards/message-header.ts'
import { approvalOf, personsHelp, personsOptions } from './act-as.ts'
import { type Command, exit, print, UsageError } from './command.ts'
import { readSecretLine, removeIfThere } from './private-file.ts'
import { callerOf, openHere } from './reach.ts'

const options = {
  document: { type: 'string' },
  purpose: { type: 'string' },
  case: { type: 'string' },
  'recipient-key-file': { type: 'string' },
  'recipient-namespace': { type: 'string' },
  'recipient-key-name': { type: 'string' },
  out: { type: 'string' },
  ...personsOptions,
} as const

export const exportDocument: Command = {
  summary: 'write a paper as a message that only its recipient’s key opens; needs a second person',
  help: [
    'Usage: export-document --document <id> --purpose <purpose> --case <reference> --recipient-key-file <file>',
    '         --recipient-namespace <name> --recipient-key-name <name> --out <file> --key-file <file> --second-key-file <file>',
    '',
    'Writes one paper, still sealed, as a message of the AWS Encryption SDK (raw AES keyring) that every such SDK opens with',
    'the recipient’s key. Not one byte of the paper is written in clear. Stop the vault first.',
    '  --document <id>             the document’s id',
    '  --purpose, --case           what it is for, as for every look at a paper',
    '  --recipient-key-file <file> the recipient’s AES-256 key: one line of 64 hex digits, mode 0600',
    '  --recipient-namespace, --recipient-key-name <name>  the names the recipient’s keyring gives that key',
    '  --out <file>                a new file (0600); one that is there is never overwritten',
    ...personsHelp,
    '                            for export/<document id> <recipient-namespace> <recipient-key-name>, within an hour of the vote',
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const given = (name: keyof typeof options): string => {
      const value = values[name]
      if (value === undefined || value === '') throw new UsageError(`--${name} is missing.`)
      return value
    }
    const id = parseDocumentId(given('document'))
    const reference = parseCaseReference(given('case'))
    if (!id) throw new UsageError('--document must be the id of a document.')
    if (!reference) throw new UsageError('--case must be 1 to 64 letters, digits and . _ : / -')
    const recipient = await recipientFrom(given)
    const approval = approvalOf(values)
    const key = await readSecretLine(given('key-file'))
    const secondKey = approval ? undefined : await readSecretLine(given('second-key-file'))
    const path = given('out')
    await using opened = await openHere(readConfig(), '`export-document`', ['access'])
    const { vault } = opened
    const caller = await callerOf(vault, key)
    const beside = secondKey === undefined ? approval?.beside : { second: await callerOf(vault, secondKey) }
    await using out = await newFile(path)
    try {
      const reason = { purpose: given('purpose'), case: reference }
      const signal = new AbortController().signal
      const exported = await exportVerb(vault, caller, { id, reason, ...beside, recipient, signal })
      const bytes = await writeOut(exported, out)
      print(JSON.stringify({ out: path, bytes, trail: { log: exported.receipt.log, index: exported.receipt.index } }))
      return exit.ok
    } catch (error) {
      await removeIfThere(path)
      throw error
    } finally {
      recipient.wrappingKey.fill(0)
    }
  },
}

async function recipientFrom(given: (name: keyof typeof options) => string): Promise<Recipient> {
  const hex = await readSecretLine(given('recipient-key-file'))
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) throw new UsageError('--recipient-key-file must hold one line of 64 hex digits.')
  return {
    namespace: given('recipient-namespace'),
    keyName: given('recipient-key-name'),
    wrappingKey: Uint8Array.from(Buffer.from(hex, 'hex')),
  }
}

async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new UsageError(code === 'EEXIST' ? `${path} is there already.` : `${path} cannot be made (${code}).`)
  }
}

/** The outcome is on record on every path; it says complete only once the file is durable. */
async function writeOut({ bytes, finish }: Exported, out: FileHandle): Promise<number> {
  let written = 0
  let complete = false
  try {
    for await (const chunk of bytes) {
      await out.writeFile(chunk)
      written += chunk.byteLength
    }
    await out.sync()
    complete = true
    return written
  } finally {
    await finish({ complete, bytes: written })
  }
}
