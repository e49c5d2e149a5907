import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * What a suite needs beyond Node and the registry. On a laptop a missing thing is a named, counted skip; where
 * `VAULT_TEST_REQUIRE=all` it is a failure.
 */
export interface Need {
  /** For `test(title, { skip }, …)`: false when it is there, else the reason in words. */
  readonly skip: string | false
  readonly value: string
}

/** A server or outside judge, named by its `VAULT_TEST_…` variable. */
export function needsVariable(name: `VAULT_TEST_${string}`, what: string): Need {
  const value = process.env[name] ?? ''
  return judge(value !== '', value, `${what}: ${name} is not set`)
}

/** A folder beside the project, such as `../shared/vectors`; `at` is relative to the project's top level. */
export function needsFolder(at: string, what: string): Need {
  const path = fileURLToPath(new URL(`../../${at}`, import.meta.url))
  return judge(existsSync(path), path, `${what}: ${at} is not there`)
}

/** A program of the machine, looked for along PATH. */
export function needsProgram(name: string): Need {
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .map(folder => join(folder, name))
    .find(candidate => existsSync(candidate))
  return judge(path !== undefined, path ?? '', `${name} is not installed`)
}

function judge(there: boolean, value: string, missing: string): Need {
  if (there) return { skip: false, value }
  if (process.env.VAULT_TEST_REQUIRE === 'all') throw new Error(`${missing}, and VAULT_TEST_REQUIRE=all`)
  return { skip: missing, value }
}

/** Something that the machine lets this user do, such as mounting. */
export function needsPower(isThere: boolean, what: string): Need {
  return judge(isThere, '', `${what} is not possible here`)
}
