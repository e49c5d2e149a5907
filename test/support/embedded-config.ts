import { type EmbeddedConfig, readConfig } from '../../src/config.ts'

/** The settings of an embedded vault. */
export function embeddedConfig(environment: Readonly<Record<string, string>>): EmbeddedConfig {
  const config = readConfig(environment)
  if (config.backing !== 'embedded') throw new Error('these are settings of the production backing')
  return config
}
