import { channel } from 'node:diagnostics_channel'
import { basename, dirname, join } from 'node:path'

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

/** Bytes of a name: file systems take 255, and a format may put an ending of its own behind it. */
const longestName = 240

/** A hidden path beside a final one, whose name is cut where the whole would be too long. */
export function unfinishedPath(final: string, ending: string): string {
  let name = [...`.${basename(final)}`]
  while (Buffer.byteLength(name.join('') + ending) > longestName) name = name.slice(0, -1)
  return join(dirname(final), name.join('') + ending)
}
