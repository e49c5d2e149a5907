import { parseArgs } from 'node:util'
import { openVault } from '../compose.ts'
import { readConfig } from '../config.ts'
import { findRestored } from '../guards/restored.ts'
import { restoreCheck as restoreCheckVerb } from '../retention/restore-check.ts'
import { type Command, complain, exit, print } from './command.ts'

export const restoreCheck: Command = {
  summary: 'after a restore: destroy again what was destroyed since the backup',
  help: [
    'Usage: restore-check [--json]',
    '',
    'Holds trail, rows, wrapped keys and sealed bodies against the list of the destroyed, which no backup restores, and destroys',
    'again whatever a restored backup brought back, each paper with an entry of its own. Where the trail lost its end, every log',
    'goes on in a new one (`<year>.1`), which says where the one before was taken up. A vault that was restored answers nothing',
    'before this was run; where nothing is undone it changes nothing. Stop the vault first, in production every instance.',
    '  --json  what was found and done as JSON',
    '',
    'Exit codes: 0 nothing that was destroyed is there any more, 2 wrong use or settings, 3 a store does not answer: run it again.',
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { json: { type: 'boolean' } }, strict: true })
    const config = readConfig()
    await using open = await openVault({ ...config, logLevel: 'error' }, { roles: ['jobs'], mayBeRestored: true })
    const restored = await findRestored(open.vault)
    const progress = (done: number, total: number) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total} papers destroyed again …`)
    }
    const report = await restoreCheckVerb(open.vault, new AbortController().signal, progress)
    if (process.stderr.isTTY && report.replayed > 0) complain('')
    if (values.json) print(JSON.stringify({ restored, ...report }, undefined, 2))
    else {
      if (restored.length > 0) print(`restored from before: ${restored.join(', ')}`)
      for (const log of report.opened) print(`opened ${log}`)
      print(`${report.marks} marks on the list, ${report.replayed} papers destroyed again or put on record anew`)
    }
    return exit.ok
  },
}
