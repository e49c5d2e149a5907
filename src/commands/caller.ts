import { parseArgs } from 'node:util'
import { addCaller } from '../access/add-caller.ts'
import { denyToken } from '../access/deny-token.ts'
import { listCallers } from '../access/list-callers.ts'
import { revokeCaller } from '../access/revoke-caller.ts'
import type { Caller } from '../domain/caller.ts'
import { tokenPatterns } from '../domain/denied-token.ts'
import { parsePersonId } from '../domain/ids.ts'
import { limits } from '../domain/media.ts'
import { type Role, roles } from '../domain/role.ts'
import type { CallerView } from '../domain/view.ts'
import type { Vault } from '../guards/vault.ts'
import { type AskAs, actAs, keyHelp, personsHelp, personsOptions, type RunningAnswer } from './act-as.ts'
import { type Command, UsageError } from './command.ts'

export const callerAdd: Command = {
  summary: 'make an API key; needs a second person',
  help: [
    'Usage: caller add --person <id> --kind person|service --role <role> [--role …] --key-file <file> --second-key-file <file>',
    '',
    'Makes an API key of your own platform and prints it, this once. Every key of a person carries the same id.',
    '  --person <id>             who the key is for, opaque: letters, digits and . _ : -; not `event` nor `vault-…`',
    '  --kind person|service',
    `  --role <role>             ${roles.filter(role => role !== 'system').join(' ')}`,
    ...personsHelp,
  ].join('\n'),
  async run(args) {
    const options = {
      ...personsOptions,
      person: { type: 'string' },
      kind: { type: 'string' },
      role: { type: 'string', multiple: true },
    } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const person = parsePersonId(values.person ?? '')
    if (!person)
      throw new UsageError('--person must be 1 to 64 letters, digits and . _ : -, and neither `event` nor `vault-…`.')
    const kind = values.kind
    if (kind !== 'person' && kind !== 'service') throw new UsageError('--kind must be person or service.')
    const wanted = rolesFrom(values.role ?? [])
    return actAs(values, {
      here: (vault, caller, beside) => addCaller(vault, caller, { person, kind, roles: wanted, ...beside }),
      there: ask => ask({ method: 'POST', path: '/v1/callers', body: { person, kind, roles: wanted } }),
    })
  },
}

export const callerList: Command = {
  summary: 'list the API keys of your platform, never a secret',
  help: [
    'Usage: caller list --key-file <file>',
    '',
    'Prints every API key of your own platform as JSON.',
    keyHelp,
  ].join('\n'),
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { 'key-file': { type: 'string' } }, strict: true })
    return actAs(values, { here: listAll, there: listThere })
  },
}

export const callerRevoke: Command = {
  summary: 'end an API key, from its next request on; needs a second person',
  help: [
    'Usage: caller revoke --key-id <id> --key-file <file> --second-key-file <file>',
    '',
    'Ends one API key of your own platform. The id is the middle of kv_<id>_<secret>; `caller list` shows it.',
    ...personsHelp,
  ].join('\n'),
  async run(args) {
    const options = { ...personsOptions, 'key-id': { type: 'string' } } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const keyId = values['key-id'] ?? ''
    if (!/^[a-z0-9]{16}$/.test(keyId)) throw new UsageError('--key-id must be 16 letters and digits.')
    return actAs(values, {
      here: (vault, caller, beside) => revokeCaller(vault, caller, { keyId, ...beside }),
      there: ask => ask({ method: 'POST', path: `/v1/callers/${keyId}/revoke` }),
    })
  },
}

export const callerDenyToken: Command = {
  summary: 'take a token of an OIDC issuer out of force at once; needs a second person',
  help: [
    'Usage: caller deny-token --issuer <iss> --subject <sub> [--token-id <jti>] --key-file <file> --second-key-file <file>',
    '',
    'Denies one token, or without --token-id every token of the subject that was issued up to now, at your own platform,',
    'from its next request on. Whoever can sign in again at the issuer gets a new token: end that there first.',
    '  --issuer <iss>            the issuer, as VAULT_OIDC_FILE and the token say it',
    '  --subject <sub>           whose token it is; what follows `oidc:<name>:` in the trail',
    '  --token-id <jti>          which one',
    ...personsHelp,
  ].join('\n'),
  async run(args) {
    const options = {
      ...personsOptions,
      issuer: { type: 'string' },
      subject: { type: 'string' },
      'token-id': { type: 'string' },
    } as const
    const { values } = parseArgs({ args: [...args], options, strict: true })
    const { issuer = '', subject = '', 'token-id': tokenId } = values
    if (!tokenPatterns.issuer.test(issuer)) throw new UsageError('--issuer must be the address of an issuer.')
    if (!tokenPatterns.subject.test(subject)) throw new UsageError('--subject must be a sub claim.')
    if (tokenId !== undefined && !tokenPatterns.tokenId.test(tokenId))
      throw new UsageError('--token-id must be a jti claim.')
    const body = { issuer, subject, ...(tokenId === undefined ? {} : { tokenId }) }
    return actAs(values, {
      here: (vault, caller, beside) => denyToken(vault, caller, { ...body, ...beside }),
      there: ask => ask({ method: 'POST', path: '/v1/denied-tokens', body }),
    })
  },
}

async function listAll(vault: Vault, caller: Caller): Promise<{ readonly items: readonly CallerView[] }> {
  const items: CallerView[] = []
  for (let after: string | undefined; ; ) {
    const page = await listCallers(vault, caller, {
      limit: limits.page.maxItems,
      ...(after === undefined ? {} : { after }),
    })
    items.push(...page.items)
    after = page.next
    if (after === undefined) return { items }
  }
}

async function listThere(ask: AskAs): Promise<RunningAnswer> {
  const items: unknown[] = []
  for (let cursor = ''; ; ) {
    const path = `/v1/callers?limit=${limits.page.maxItems}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
    const answer = await ask({ method: 'GET', path })
    if (answer.status !== 200) return answer
    const page = answer.json as { readonly items: readonly unknown[]; readonly next?: string }
    items.push(...page.items)
    if (page.next === undefined) return { status: 200, json: { items } }
    cursor = page.next
  }
}

function rolesFrom(given: readonly string[]): readonly Role[] {
  const known = given.filter((role): role is Role => role !== 'system' && (roles as readonly string[]).includes(role))
  if (known.length === 0 || known.length !== given.length)
    throw new UsageError('--role must name roles of the role table.')
  return [...new Set(known)]
}
