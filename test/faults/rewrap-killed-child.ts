import { writeSync } from 'node:fs'
import { continueEpochs } from '../../src/upkeep/continue-epochs.ts'
import { watchPorts } from '../support/failing-ports.ts'
import { callerAs } from '../support/house-work.ts'
import { rotateKey } from '../support/rotation.ts'
import { configIn, openWrapped } from '../support/vault-folder.ts'

/**
 * A process that flips the key of a vault, goes on with the rotation, and kills itself at a port call of that: `<folder> <n>`, n
 * counting both sides of each call from 1; 0 is never. It tells how many there were.
 */
const [folder = '', killAt = '0'] = process.argv.slice(2)
const sides: string[] = []
let counting = false

await using open = await openWrapped(configIn(folder), {
  wrap: ports =>
    watchPorts(ports, ({ at }) => {
      if (counting && sides.push(at) === Number(killAt)) process.kill(process.pid, 'SIGKILL')
    }),
})
const { vault } = open
await rotateKey(vault, callerAs('dpo', 'officer'), { second: callerAs('admin', 'other') })
counting = true
await continueEpochs(vault, { signal: new AbortController().signal, retire: true })
counting = false
writeSync(1, JSON.stringify(sides))
