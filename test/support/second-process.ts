import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export interface SecondProcess {
  /** Its next line of output; undefined once it has ended. */
  nextLine(): Promise<string | undefined>
  /** Resolves when it is gone. */
  kill(): Promise<void>
}

/** Starts `test/support/<script>` as a process of its own; it is killed at the latest when the test ends. */
export function startSecondProcess(t: TestContext, script: string, ...args: readonly string[]): SecondProcess {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(process.execPath, [path, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  t.after(kill)
  return {
    nextLine: async () => {
      const next = await lines.next()
      return next.done ? undefined : next.value
    },
    kill,
  }
}
