import { writeSync } from 'node:fs'
import { watchPorts } from '../support/failing-ports.ts'
import { dueMs, purgeTurn } from '../support/purge-scene.ts'
import { SteppedClock } from '../support/stepped-clock.ts'
import { configIn, openWrapped } from '../support/vault-folder.ts'

/**
 * A process that runs one turn of the purge and kills itself at a port call of it: `<folder> <n>`, n counting both sides of each
 * call from 1; 0 is never. It tells how many there were.
 */
const [folder = '', killAt = '0'] = process.argv.slice(2)
const calls: string[] = []
let counting = false

await using open = await openWrapped(configIn(folder), {
  clock: new SteppedClock(dueMs),
  wrap: ports =>
    watchPorts(ports, ({ name, at }) => {
      if (counting && calls.push(`${at} ${name}`) === Number(killAt)) process.kill(process.pid, 'SIGKILL')
    }),
})
counting = true
await purgeTurn(open.vault)
counting = false
writeSync(1, JSON.stringify(calls))
