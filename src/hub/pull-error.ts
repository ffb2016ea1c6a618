import { CancelledError, type Expectation, FramewrightError, HubError, messageOf } from '../errors.ts'
import type { ModelName } from './model-folder.ts'
import { isTransient, statusOf } from './retry.ts'

export interface PullContext extends ModelName {
  readonly endpoint: string
  readonly signal: AbortSignal | undefined
}

/** What a failed pull is reported as. Defects of this program stay as they are. */
export function pullError(error: unknown, context: PullContext): unknown {
  if (context.signal?.aborted) return new CancelledError({ cause: error })
  if (FramewrightError.is(error)) return error
  const expectation = explain(error, context)
  return expectation === undefined ? error : new HubError('hub/download', expectation, { cause: error })
}

function explain(error: unknown, { id, revision, endpoint }: PullContext): Expectation | undefined {
  const subject = `model ${id}${revision === 'main' ? '' : ` at ${revision}`}`
  switch (statusOf(error)) {
    case undefined:
      break
    case 401:
    case 403:
      return {
        subject,
        expected: `a repository on ${endpoint} that may be read`,
        got: messageOf(error),
        advice: 'Check the name; for a gated model accept its terms on its page and set HF_TOKEN.',
      }
    case 404:
      return {
        subject,
        expected: `a repository on ${endpoint}`,
        got: messageOf(error),
        advice: 'Check the name.',
      }
    default:
      return { subject, expected: `an answer of ${endpoint}`, got: messageOf(error), advice: resume }
  }
  if (isTransient(error)) {
    return { subject, expected: `a connection to ${endpoint}`, got: reasonOf(error), advice: resume }
  }
  if (isFileError(error)) {
    return {
      subject: error.path ?? subject,
      expected: 'a folder that can be written to, with room for the model',
      got: error.message,
      advice: 'Set FRAMEWRIGHT_HOME to another folder, or make room; the pull goes on where it stopped.',
    }
  }
  return undefined
}

const resume = 'Run the command again; it goes on where it stopped.'

/** `fetch failed` says nothing: its cause does. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error ? `${messageOf(error)} (${cause.message})` : messageOf(error)
}

/** The system refused a file operation. */
function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error
}
