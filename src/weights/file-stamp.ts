import { type BigIntStats, statSync } from 'node:fs'
import { CheckpointError } from '../errors.ts'

/** What tells whether a file is still the one that was read. Plain text and numbers: processes send it to each other. */
export interface FileStamp {
  /** Real path. */
  readonly path: string
  readonly bytes: number
  /** Of the last write, in nanoseconds. */
  readonly modified: string
  readonly inode: string
}

/**
 * What happened to a file: `gone` and `replaced` leave the pages that a process has mapped as they were, `rewritten`
 * changes them, and ends a process that reads beyond a new end.
 */
export type FileChange = 'gone' | 'replaced' | 'rewritten'

export function fileStamp(path: string, { size, mtimeNs, ino }: BigIntStats): FileStamp {
  return { path, bytes: Number(size), modified: String(mtimeNs), inode: String(ino) }
}

/**
 * What happened to the file since, with words for an error; undefined where nothing did. It is asked before every run of a
 * graph, where a round through the thread pool would take longer than the call.
 */
export function changeOf(
  stamp: FileStamp,
): { readonly change: FileChange; readonly got: string } | undefined {
  const stats = statsOf(stamp.path)
  if (stats === undefined) return { change: 'gone', got: 'no file any more' }
  const { bytes, modified, inode } = fileStamp(stamp.path, stats)
  if (inode !== stamp.inode) return { change: 'replaced', got: `another file, of ${bytes} bytes` }
  if (bytes !== stamp.bytes) return { change: 'rewritten', got: `${bytes} bytes instead of ${stamp.bytes}` }
  if (modified === stamp.modified) return undefined
  return { change: 'rewritten', got: 'other bytes: it was written to' }
}

/**
 * Compares files with what was read of them before.
 * @param changes that count
 * @throws CheckpointError `checkpoint/changed` that names the first file with one of them
 */
export function assertUnchanged(
  stamps: Iterable<FileStamp>,
  changes: readonly FileChange[] = ['gone', 'replaced', 'rewritten'],
): void {
  for (const stamp of stamps) {
    const found = changeOf(stamp)
    if (!found || !changes.includes(found.change)) continue
    throw new CheckpointError('checkpoint/changed', {
      subject: stamp.path,
      expected: 'the file as it was when the model was opened',
      got: found.got,
      advice:
        'Open the model again when the file is whole. A new version is best written beside it and renamed.',
    })
  }
}

function statsOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true })
  } catch {
    return undefined
  }
}
