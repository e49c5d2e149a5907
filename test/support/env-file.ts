/** What an `env_file` of docker-compose sets: one `NAME=value` a line, comments on lines of their own. */
export function readEnvFile(text: string): Record<string, string> {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map(line => {
      const [, name, value] = /^([A-Z0-9_]+)=(\S+)$/.exec(line) ?? []
      if (name === undefined || value === undefined) throw new Error(`not understood: ${line}`)
      return [name, value]
    }),
  )
}
