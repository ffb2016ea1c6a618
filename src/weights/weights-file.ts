import { constants } from 'node:fs'
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises'
import { CheckpointError, type Expectation, messageOf } from '../errors.ts'
import { systemReasonOf } from '../system-errors.ts'
import { type FileStamp, fileStamp } from './file-stamp.ts'

/** A weights file open for reading. `path` is its real path, `bytes` its size. */
export interface OpenWeightsFile {
  readonly path: string
  readonly bytes: number
  readonly handle: FileHandle
  readonly stamp: FileStamp
}

/**
 * Opens a weights file, hands it to `use` and closes it. Symbolic links are followed.
 * @throws CheckpointError `checkpoint/not-found` when there is no such file, `checkpoint/corrupt` when it is not a
 * regular file or may not be read
 */
export async function withWeightsFile<T>(
  path: string,
  use: (file: OpenWeightsFile) => Promise<T>,
): Promise<T> {
  const real = await realPathOf(path)
  // Not blocking, because a pipe of that name would wait for a writer for ever.
  const handle = await open(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(async cause => {
    throw await unreadable(path, cause)
  })
  try {
    const stat = await handle.stat({ bigint: true })
    if (!stat.isFile()) {
      const got = stat.isDirectory() ? 'a folder' : 'a device, pipe or socket'
      throw corrupt(path, {
        expected: weightsKind(path),
        got,
        advice: 'Put the file of weights in its place.',
      })
    }
    const stamp = fileStamp(real, stat)
    return await use({ path: real, bytes: stamp.bytes, handle, stamp })
  } finally {
    await handle.close()
  }
}

/**
 * Fills `target` from `offset` on.
 * @throws CheckpointError `checkpoint/corrupt` when the file ends before that or cannot be read
 */
export async function readFully(file: OpenWeightsFile, target: Uint8Array, offset: number): Promise<void> {
  let filled = 0
  while (filled < target.length) {
    const length = Math.min(target.length - filled, maxBytesPerRead)
    const { bytesRead } = await file.handle
      .read(target, filled, length, offset + filled)
      .catch(async cause => {
        throw await unreadable(file.path, cause)
      })
    if (bytesRead === 0) {
      const got = `its end at ${offset + filled}`
      throw corrupt(file.path, { expected: `${offset + target.length} bytes`, got, advice: downloadAgain })
    }
    filled += bytesRead
  }
}

/** One read call cannot fetch 2 GiB or more. */
const maxBytesPerRead = 2 ** 30

/** Advice where a download was cut. */
export const downloadAgain = 'Download the file again.'

const checkPath = 'Check the path, or download the file again if it is a link into a cache.'

/** Whether what an error is about comes back with a download: a file that is not there, or one that was cut. */
export function isCutDownload(error: unknown): error is CheckpointError {
  return (
    error instanceof CheckpointError && [downloadAgain, checkPath].includes(error.expectation?.advice ?? '')
  )
}

/** A malformed weights file. What to do about it, where nothing else is known, is to download it again. */
export function corrupt(
  subject: string,
  what: Omit<Expectation, 'subject'>,
  cause?: unknown,
): CheckpointError {
  return new CheckpointError(
    'checkpoint/corrupt',
    { subject, advice: downloadAgain, ...what },
    cause === undefined ? {} : { cause },
  )
}

/** How a dangling link is described; undefined for what is no link. */
export async function brokenLink(path: string): Promise<string | undefined> {
  const target = await readlink(path).catch(() => undefined)
  return target && `a link to ${target}, where nothing is`
}

/** The format that a file is expected in, by its name. */
export function weightsKind(path: string): string {
  return path.endsWith('.gguf') ? 'a GGUF file' : 'a .safetensors file'
}

async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (cause) {
    throw await unreadable(path, cause)
  }
}

async function unreadable(path: string, cause: unknown): Promise<CheckpointError> {
  const code = (cause as NodeJS.ErrnoException | null)?.code
  if (code !== 'ENOENT' && code !== 'ENOTDIR') {
    const { got, advice } = systemReasonOf(cause) ?? { got: messageOf(cause), advice: undefined }
    return corrupt(path, { expected: 'a file that can be read', got, ...(advice && { advice }) }, cause)
  }
  return new CheckpointError(
    'checkpoint/not-found',
    {
      subject: path,
      expected: 'a weights file',
      got: (await brokenLink(path)) ?? 'nothing',
      advice: checkPath,
    },
    { cause },
  )
}
