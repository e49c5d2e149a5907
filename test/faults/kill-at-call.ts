import { writeSync } from 'node:fs'
import type { DocumentId, ReviewId, SubjectReference } from '../../src/domain/ids.ts'
import { watchPorts } from '../support/failing-ports.ts'
import { approve, callerAs, depositPaper, noisePicture, readPaper, take } from '../support/house-work.ts'
import { configIn, openWrapped } from '../support/vault-folder.ts'

/**
 * A process that opens a vault, begins one verb, and kills itself at a port call of it: `<folder> <verb> <n> <JSON>`, n counting
 * both sides of each call from 1; 0 is never. Whatever its caller would have been told goes out at once, as lines of JSON.
 */
interface Job {
  readonly reference: string
  readonly key: string
  readonly person: string
  readonly requestId: string
  readonly document?: string
  readonly review?: string
}

const [folder = '', verb = '', killAt = '0', text = '{}'] = process.argv.slice(2)
const job = JSON.parse(text) as Job
const sides: string[] = []
let counting = false

const tell = (fact: object): void => void writeSync(1, `${JSON.stringify(fact)}\n`)

await using open = await openWrapped(configIn(folder), {
  wrap: ports =>
    watchPorts(ports, ({ at }) => {
      if (counting && sides.push(at) === Number(killAt)) process.kill(process.pid, 'SIGKILL')
    }),
})
const { vault } = open
const picture = await noisePicture(1, 300)
const paper = { reference: job.reference as SubjectReference, key: job.key, bytes: picture }

switch (verb) {
  case 'deposit': {
    counting = true
    const answer = await depositPaper(vault, paper)
    tell({ answer })
    break
  }
  case 'open': {
    const caller = { ...callerAs('senior-reviewer'), requestId: job.requestId }
    counting = true
    await readPaper(vault, job.document as DocumentId, { caller, onBytes: ({ length }) => tell({ bytes: length }) })
    break
  }
  case 'decide': {
    const reviewer = callerAs('reviewer', job.person)
    await take(vault, job.review as ReviewId, reviewer)
    counting = true
    const answer = await approve(vault, job.document as DocumentId, job.key, reviewer)
    tell({ answer })
    break
  }
}
counting = false
tell({ sides })
