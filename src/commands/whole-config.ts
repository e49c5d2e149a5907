import { type Config, readConfig, readSoundParts } from '../config.ts'
import { VaultError } from '../domain/errors.ts'
import type { ProcessRole } from '../domain/process-role.ts'
import { inspectSettings } from '../settings-check.ts'

/**
 * The settings. Where they cannot be read, whatever parts of them are whole are looked into all the same: one failure tells
 * everything that can be told.
 *
 * @param roles what the process is to do
 * @throws {VaultError} config.invalid - with every problem of settings, policies and what the settings name
 */
export async function readWholeConfig(roles: readonly ProcessRole[]): Promise<Config> {
  try {
    return readConfig()
  } catch (error) {
    if (!(error instanceof VaultError) || error.code !== 'config.invalid') throw error
    const found = (await inspectSettings(readSoundParts(), roles)).filter(({ weight }) => weight !== 'remark')
    const more = found.map(({ field, message }) => ({ field, message }))
    throw new VaultError('config.invalid', { problems: [...(error.facts.problems ?? []), ...more] }, error)
  }
}
