import { CancelledError, type Expectation, FramewrightError, HubError, messageOf } from '../errors.ts'
import type { ModelName } from './model-folder.ts'
import { isTransient, statusOf } from './retry.ts'

export interface PullContext extends ModelName {
  /** What is pulled: a model of the hub, what a search of it finds, or a package of a registry of npm's kind. @default `model` */
  readonly from?: keyof typeof wordings
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

function explain(
  error: unknown,
  { from = 'hub', id, revision, endpoint }: PullContext,
): Expectation | undefined {
  const { subject, kind, what, where, denied, absent, again, offline } = wordings[from](id, revision)
  switch (statusOf(error)) {
    case undefined:
      break
    case 401:
    case 403:
      return {
        subject,
        expected: `${what} on ${where}${endpoint} that may be read`,
        got: messageOf(error),
        advice: denied,
      }
    case 404:
      return {
        subject,
        expected: `${what} on ${where}${endpoint}`,
        got: messageOf(error),
        advice: absent,
      }
    default:
      return { subject, expected: `an answer of ${where}${endpoint}`, got: messageOf(error), advice: again }
  }
  if (isTransient(error)) {
    return {
      subject,
      expected: `a connection to ${where}${endpoint}`,
      got: reasonOf(error),
      advice: `${again} ${offline}`,
    }
  }
  if (isFileError(error)) {
    return {
      subject: error.path ?? subject,
      expected: `a folder that can be written to, with room for the ${kind}`,
      got: error.message,
      advice: 'Set FRAMEWRIGHT_HOME to another folder, or make room; the pull goes on where it stopped.',
    }
  }
  return undefined
}

interface Wording {
  readonly subject: string
  readonly kind: string
  /** What is looked for, and where: put before the address. */
  readonly what: string
  readonly where: string
  /** Advice for what may not be read, and for what is not there. */
  readonly denied: string
  readonly absent: string
  /** Advice for an answer that may be another one later, and what is added to it without a connection. */
  readonly again: string
  readonly offline: string
}

const resume = 'Run the command again; it goes on where it stopped.'
const proxy =
  'behind a proxy set HTTPS_PROXY and NODE_USE_ENV_PROXY=1, which Node reads from 22.21 and 24 on.'
const hub = `Check the network: HF_ENDPOINT is the address of the hub or of a mirror; ${proxy}`

const wordings = {
  hub: (id: string, revision: string): Wording => ({
    subject: `model ${id}${revision === 'main' ? '' : ` at ${revision}`}`,
    kind: 'model',
    what: 'a repository',
    where: '',
    denied: 'Check the name; for a gated model accept its terms on its page and set HF_TOKEN.',
    absent: 'Check the name.',
    again: resume,
    offline: hub,
  }),
  search: (words: string): Wording => ({
    subject: `search for ${words}`,
    kind: 'search',
    what: 'a hub',
    where: '',
    denied: 'Check HF_TOKEN, or leave it unset.',
    absent: 'Check HF_ENDPOINT.',
    again: 'Run the command again.',
    offline: hub,
  }),
  registry: (id: string, version: string): Wording => ({
    subject: `package ${id} ${version}`,
    kind: 'package',
    what: 'a package',
    where: 'the registry ',
    denied: 'Set npm_config_registry to a registry that may be read without signing in, such as npm’s own.',
    absent: 'Set npm_config_registry to a registry that has it, such as npm’s own.',
    again: resume,
    offline: `Check the network: npm_config_registry is the address of the registry; ${proxy}`,
  }),
}

/** `fetch failed` says nothing: its cause does. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error ? `${messageOf(error)} (${cause.message})` : messageOf(error)
}

/** The system refused a file operation. */
function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error
}
