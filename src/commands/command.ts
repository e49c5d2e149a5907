/** What a command tells whoever called it. */
export const exit = {
  ok: 0,
  /** It found problems, or was refused. */
  refused: 1,
  /** It was called or configured in a way that cannot work. */
  usage: 2,
  /** What it stands on is not to be had now: it may be called again. */
  unavailable: 3,
  /** A defect. */
  defect: 70,
} as const
export type ExitCode = (typeof exit)[keyof typeof exit]

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string
  /** What `--help` prints. */
  readonly help: string
  /** @param args what followed the command's name */
  run(args: readonly string[]): Promise<ExitCode>
}

/** A command was called in a way that cannot work; the message is for whoever called it. */
export class UsageError extends Error {}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

export function complain(text: string): void {
  process.stderr.write(`${text}\n`)
}
