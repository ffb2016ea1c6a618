import { inspect } from 'node:util'
import type { FramewrightError } from '../errors.ts'
import { systemFailureOf, systemMessage } from '../system-errors.ts'
import { ParserEnd } from './parser-end.ts'
import { UsageError } from './usage-error.ts'

/** How the process ends, and what is said about it. */
export interface Failure {
  readonly exitCode: number
  /** A sentence; undefined when there is nothing more to say. */
  readonly message: string | undefined
  /** For programs. */
  readonly code: string
}

const exitCodes = { failed: 1, usage: 2, interrupted: 130 } as const

/**
 * Exit code and message of whatever a command threw.
 * @param inFlags says a message about a request in the words of the command line
 */
export function failureOf(error: unknown, inFlags = (message: string) => message): Failure {
  if (error instanceof ParserEnd) return parserFailure(error)
  if (error instanceof UsageError) return { exitCode: exitCodes.usage, message: error.message, code: 'usage' }
  if (isOurs(error)) {
    const { code, message } = error
    if (code === 'cancelled') return { exitCode: exitCodes.interrupted, message: undefined, code }
    const said = code.startsWith('request/') ? inFlags(message) : message
    return { exitCode: isBadArgument(error) ? exitCodes.usage : exitCodes.failed, message: said, code }
  }
  const refused = systemMessage(error)
  if (refused !== undefined) return { exitCode: exitCodes.failed, message: refused, code: 'system' }
  const what = error instanceof Error ? error.message : String(error)
  const message = `unexpected: ${what}\nThis is a defect of framewright. Run it again with --debug and report what it prints.`
  return { exitCode: exitCodes.failed, message, code: 'unexpected' }
}

/** Whether the call is what to change: a value, or the name of a file or model that is not what it has to be. */
function isBadArgument({ code, cause }: FramewrightError): boolean {
  if (code === 'media/output') return cause === undefined || isWrongPath(cause)
  return code.startsWith('request/') || code === 'checkpoint/not-found' || code === 'media/input'
}

/** Whether there can be nothing of that name, whatever the machine has room for. */
function isWrongPath(cause: unknown): boolean {
  const code = systemFailureOf(cause)?.code ?? ''
  return ['EISDIR', 'ENAMETOOLONG', 'ENOENT', 'ENOTDIR'].includes(code)
}

/** Prints what a command threw: one message, with the stack when it is asked for. Gives the exit code. */
export function reportError(
  error: unknown,
  argv: readonly string[],
  inFlags?: (message: string) => string,
): number {
  const { exitCode, message, code } = failureOf(error, inFlags)
  if (message !== undefined) process.stderr.write(`error: ${message}\n`)
  if (argv.includes('--debug') && exitCode !== 0) process.stderr.write(`${inspect(error)}\n`)
  if (argv.includes('--json') && exitCode !== 0) {
    process.stdout.write(`${JSON.stringify({ type: 'error', code, message: message ?? 'interrupted' })}\n`)
  }
  return exitCode
}

/** Commander's own mistakes, and the ends that are none: help and version were printed. */
function parserFailure({ command, cause }: ParserEnd): Failure {
  if (cause.exitCode === 0) return { exitCode: 0, message: undefined, code: cause.code }
  const usage = { exitCode: exitCodes.usage, code: 'usage' }
  // Without a command, commander prints the help.
  if (cause.code === 'commander.help') return { ...usage, message: undefined }
  const unquoted = cause.code === 'commander.excessArguments' && command.endsWith('generate')
  const advice = unquoted ? ' Put the prompt in quotes.' : ''
  return { ...usage, message: `${cause.message.replace(/^error: /, '')}${advice}\nSee: ${command} --help` }
}

/** The mark of the package's errors, without loading the package for it. */
function isOurs(error: unknown): error is FramewrightError {
  return typeof error === 'object' && error !== null && Symbol.for('framewright.error') in error
}
