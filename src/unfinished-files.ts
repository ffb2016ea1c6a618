import { channel } from 'node:diagnostics_channel'

/** A file or folder that is there only while the work on it lasts. */
export interface UnfinishedFile {
  /** Absolute. */
  readonly path: string
  /** Whether it has got its final name, or was removed. */
  readonly done: boolean
}

/**
 * Tells of unfinished files before they are made and when they are done, as `UnfinishedFile`: what has to be removed
 * where a process is ended in the middle.
 */
export const unfinishedFiles = channel('framewright:unfinished-files')
