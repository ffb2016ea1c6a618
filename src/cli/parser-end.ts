import type { CommanderError } from 'commander'

/** How the parser of the command line ended a run: at a mistake, or after help that was asked for. */
export class ParserEnd extends Error {
  override readonly name = 'ParserEnd'
  /** The command it happened in, in full: `framewright models pull`. */
  readonly command: string
  override readonly cause: CommanderError

  constructor(command: string, cause: CommanderError) {
    super(cause.message)
    this.command = command
    this.cause = cause
  }
}
