import { type ProcessRole, processRoles } from '../domain/process-role.ts'
import { UsageError } from './command.ts'

/**
 * What `--as` names, in the order of the table, each once; everything where it names nothing.
 * @throws {UsageError} a name that is no role
 */
export function rolesFrom(named: readonly string[] | undefined): readonly ProcessRole[] {
  if (named === undefined) return processRoles
  const asked = named.flatMap(one => one.split(','))
  const isRole = (name: string): boolean => processRoles.some(role => role === name)
  if (!asked.every(isRole)) throw new UsageError(`--as must name some of ${processRoles.join(', ')}.`)
  return processRoles.filter(role => asked.includes(role))
}
