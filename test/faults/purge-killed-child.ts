import { writeSync } from 'node:fs'
import { readConfig } from '../../src/config.ts'
import { watchPorts } from '../support/failing-ports.ts'
import { purgeTurn } from '../support/purge-scene.ts'
import { SteppedClock } from '../support/stepped-clock.ts'
import { openWrapped } from '../support/vault-folder.ts'

/**
 * A process that runs one turn of the purge on the vault of its environment and kills itself at a port call of it:
 * `<n> <epoch ms>`, n counting both sides of each call from 1; 0 is never. Each call goes out as a line before it counts.
 */
const [killAt = '0', nowMs = ''] = process.argv.slice(2)
let calls = 0
let counting = false

await using open = await openWrapped(readConfig(), {
  clock: new SteppedClock(Number(nowMs)),
  instance: 'killed',
  wrap: ports =>
    watchPorts(ports, ({ name, at }) => {
      if (!counting) return
      writeSync(1, `${at} ${name}\n`)
      if (++calls === Number(killAt)) process.kill(process.pid, 'SIGKILL')
    }),
})
counting = true
await purgeTurn(open.vault)
counting = false
