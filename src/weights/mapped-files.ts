import { channel } from 'node:diagnostics_channel'
import { changeOf, type FileStamp } from './file-stamp.ts'

/**
 * Tells of files before sessions map them, as `FileStamp`. A file that becomes shorter while it is mapped ends the
 * process (SIGBUS): the process that has started it can say why.
 */
export const mappedFiles = channel('framewright:mapped-files')

/** The files that another process has mapped. */
export class MappedFiles {
  readonly #stamps = new Map<string, FileStamp>()

  add(stamp: FileStamp): void {
    this.#stamps.set(stamp.path, stamp)
  }

  /** What was done to one of them, as half a sentence; undefined where none was changed under the process. */
  damage(): string | undefined {
    for (const stamp of this.#stamps.values()) {
      const found = changeOf(stamp)
      if (found?.change === 'rewritten') return `${stamp.path} was changed while it was in use: ${found.got}`
    }
    return undefined
  }
}
