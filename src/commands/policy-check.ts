import { parseArgs } from 'node:util'
import { remarksOn } from '../domain/deployment.ts'
import { inspectPolicy } from '../settings-check.ts'
import { type Command, exit, print, UsageError } from './command.ts'

export const policyCheck: Command = {
  summary: "say everything that is wrong with a tenant's policy",
  help: [
    'Usage: policy check FILE',
    '',
    "Reads a tenant's policy, with the clocks of its earlier versions in the folder of the same name beside it, as `serve` would,",
    'and prints one line for each problem: the file, the path of the member, what is wrong with it. A remark is for you to know:',
    'a member without which the tenant takes no papers, or a reference that nobody has confirmed. It changes nothing.',
    '',
    'Exit codes: 0 no problem, 1 at least one, 2 wrong use.',
  ].join('\n'),
  async run(args) {
    const { positionals } = parseArgs({ args: [...args], options: {}, allowPositionals: true, strict: true })
    const [file, ...more] = positionals
    if (file === undefined || more.length > 0) throw new UsageError('policy check takes one FILE.')
    const found = await inspectPolicy(file)
    if ('problems' in found) {
      for (const { field, message } of found.problems) print(`problem ${field}: ${message}`)
      return exit.refused
    }
    const { tenant } = found
    for (const { field, message } of remarksOn(tenant)) print(`remark  ${field}: ${message}`)
    print(`nothing is wrong with ${tenant.id}, version ${tenant.version}`)
    return exit.ok
  },
}
