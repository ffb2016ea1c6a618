/** Every code an error of this package can carry. Codes are stable: callers may switch on them. */
export const errorCodes = {
  'request/invalid': 'A field of the request is missing, has the wrong type or is out of range.',
  'request/size': 'Width, height or frame count is not one the model can make.',
  'request/unsupported': 'The checkpoint cannot do what was asked.',
  'checkpoint/not-found': 'The model folder, or a file it needs, does not exist.',
  'checkpoint/config':
    'A config file of the checkpoint cannot be read or holds a value that is not supported.',
  'checkpoint/corrupt': 'A weights file is truncated, malformed or hostile.',
  'checkpoint/changed': 'A weights file was written to, replaced or removed after the model was opened.',
  'checkpoint/tensors': 'A tensor of the checkpoint is missing, unexpected or has the wrong shape or dtype.',
  'checkpoint/experimental':
    'A model of its kind is not checked in full: it is run only where that is asked for.',
  'graph/invalid': 'A graph was built with a wrong rank, dtype, axis or name.',
  'runtime/provider': 'The execution provider is missing or cannot be used on this machine.',
  'runtime/session': 'ONNX Runtime refused a graph or failed while running it.',
  'runtime/memory': 'There is not enough memory for the request.',
  'media/input': 'A picture or video file cannot be read.',
  'media/output': 'The output file or folder cannot be written.',
  'host/crashed': 'The process that was making the video ended, or stopped answering.',
  'jobs/database': 'The database of the tasks cannot be reached or opened.',
  'jobs/lost': 'The process that worked on the task is gone, as often as the task is tried again.',
  'jobs/unreadable': 'What was stored of the task cannot be read.',
  'jobs/limit': 'As many tasks wait or run as may.',
  'jobs/storage': 'The storage is not the one that the other programs of the database have.',
  'jobs/unable':
    'The process takes no tasks: its device or its storage does not work, or the queue does not answer.',
  'jobs/timeout': 'The task took longer than a run may take.',
  'hub/download': 'A file could not be fetched from the model hub, or its checksum is wrong.',
  system: 'The operating system refused an operation.',
  cancelled: 'The caller cancelled the run, or disposed of the engine.',
} as const

export type ErrorCode = keyof typeof errorCodes

/** The parts of a message: `<subject>: expected <expected>, got <got>. <advice>` */
export interface Expectation {
  readonly subject: string
  readonly expected: string
  readonly got: string
  readonly advice?: string
}

const marker = Symbol.for('framewright.error')

/** The base of every error that this package throws on purpose. */
export class FramewrightError extends Error {
  override readonly name: string = 'FramewrightError'
  readonly code: ErrorCode
  readonly expectation: Expectation | undefined
  readonly [marker] = true

  constructor(code: ErrorCode, what: string | Expectation, options?: { cause?: unknown }) {
    super(typeof what === 'string' ? what : sentence(what), options)
    this.code = code
    this.expectation = typeof what === 'string' ? undefined : what
  }

  /** True for errors of this package, also across duplicate installs of it. */
  static is(error: unknown): error is FramewrightError {
    return typeof error === 'object' && error !== null && marker in error
  }
}

function sentence({ subject, expected, got, advice }: Expectation): string {
  // A name that is empty, with a word before it or alone.
  const shown = /(^| )$/.test(subject) ? `${subject}""` : subject
  return `${shown}: expected ${expected}, got ${got}.${advice ? ` ${advice}` : ''}`
}

/** The request is wrong: fix the call. */
export class RequestError extends FramewrightError {
  override readonly name = 'RequestError'
}

/** The error for a field of a request that is missing, has the wrong type or is out of range. */
export function invalidRequest(
  subject: string,
  expected: string,
  got: unknown,
  advice?: string,
): RequestError {
  const what = { subject, expected, got: String(got), ...(advice !== undefined && { advice }) }
  return new RequestError('request/invalid', what)
}

/** The files of the checkpoint are wrong: fix the download. */
export class CheckpointError extends FramewrightError {
  override readonly name = 'CheckpointError'
}

/** A graph was built wrongly: a defect of a model file. */
export class GraphError extends FramewrightError {
  override readonly name = 'GraphError'
}

/** The inference runtime failed or is missing. */
export class BackendError extends FramewrightError {
  override readonly name = 'BackendError'
}

/** A picture or video could not be read or written. */
export class MediaError extends FramewrightError {
  override readonly name = 'MediaError'
}

/** The model hub did not deliver. */
export class HubError extends FramewrightError {
  override readonly name = 'HubError'
}

/** The process that makes videos for a server or worker is gone. */
export class HostError extends FramewrightError {
  override readonly name = 'HostError'
}

/** The store of the tasks failed. */
export class JobsError extends FramewrightError {
  override readonly name = 'JobsError'
}

/** The operating system refused something: a port, a file, a connection. */
export class SystemError extends FramewrightError {
  override readonly name = 'SystemError'
}

/** The caller aborted, or disposed of the engine. */
export class CancelledError extends FramewrightError {
  override readonly name = 'CancelledError'
  constructor(options?: { cause?: unknown }, what: string | Expectation = 'cancelled by the caller') {
    super('cancelled', what, options)
  }
}

/** @throws CancelledError when the signal has aborted */
export function checkAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new CancelledError({ cause: signal.reason })
}

/** Of a request to an engine that was disposed before, or while it ran. */
export function disposedError(): CancelledError {
  return new CancelledError(undefined, {
    subject: 'engine',
    expected: 'an open one',
    got: 'one that was disposed',
    advice: 'Dispose of it after its last video, or create another one.',
  })
}

/** What went wrong, as text, for `cause` chains and messages about foreign errors. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
