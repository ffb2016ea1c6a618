/** What the process of a command and its supervisor say to each other, over the channel of `child_process.fork`. */
import type { UnfinishedFile } from '../unfinished-files.ts'
import type { FileStamp } from '../weights/file-stamp.ts'

export type InterruptName = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

export const interruptNames: readonly InterruptName[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** By the convention of shells: 128 and the number of the signal. */
export const interruptExitCodes: Readonly<Record<InterruptName, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
}

export type CommandMessage =
  /** The command ends by itself after an interrupt, within so many milliseconds. What it has fetched by then is kept. */
  | { readonly type: 'interruptible'; readonly graceMs: number; readonly resumable: boolean }
  | ({ readonly type: 'unfinished' } & UnfinishedFile)
  /** A weights file, before it is mapped. */
  | { readonly type: 'mapped'; readonly file: FileStamp }
  /** The process of the command was sent a signal. One of a terminal reaches its supervisor too. */
  | { readonly type: 'signal'; readonly signal: InterruptName }
  /** All of its work is done. */
  | { readonly type: 'finished' }
  /** Everything was said and removed; what still runs in the process may be ended. */
  | { readonly type: 'ended'; readonly exitCode: number }

export interface InterruptMessage {
  readonly type: 'interrupt'
  readonly signal: InterruptName
}
