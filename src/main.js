import nodeModule from 'node:module'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'

/**
 * The vault's one entry, and its one file of JavaScript. An older Node can read it and say what is needed, so it names nothing
 * that only a newer one has; and Node's stripper of types, 40 ms to load, is not asked for before it is known where what it
 * stripped earlier is kept. It imports nothing of the vault before that, and keeps compiled code beside the sources, where only
 * whoever may change the sources can write; a folder that cannot be written costs only time.
 */
if (Number(process.versions.node.split('.', 1)[0]) < 26) {
  process.stderr.write(
    `The vault needs Node.js 26 or later; this is ${process.version}. \`npm start\` brings its own.\n`,
  )
  process.exit(3)
}
// Whatever the vault writes is its own user's alone.
process.umask(0o077)
// Papers pass through memory outside of the heap. Without this V8 collects the whole heap anew for every 10 MB of them, which
// took a third of the processor time of an upload; with it, what passes counts against the size that the heap may have.
setFlagsFromString('--external-memory-accounted-in-global-limit')
nodeModule.enableCompileCache(join(import.meta.dirname, '../.cache/code'))

const { runCommand } = await import('./commands/run-command.ts')
process.exitCode = await runCommand(process.argv.slice(2))
