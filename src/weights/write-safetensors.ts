import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MediaError, messageOf } from '../errors.ts'
import { systemReasonOf } from '../system-errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type UnfinishedFile, unfinishedFiles, unfinishedPath } from '../unfinished-files.ts'
import { planHeader } from './write-header.ts'

/**
 * Writes tensors to a .safetensors file. The file appears under its name only when it is complete; one that was there
 * is replaced.
 * @param metadata text pairs for `__metadata__`
 * @throws MediaError `media/output` when the file cannot be written; nothing is left behind
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata?: ReadonlyMap<string, string>,
): Promise<void> {
  const entries = [...tensors].map(([key, { dtype, shape, data }]) => ({ key, dtype, shape, data }))
  const { header, order } = planHeader(entries, metadata)
  const temporary = unfinishedPath(resolve(path), `.${randomBytes(6).toString('hex')}.tmp`)
  unfinishedFiles.publish({ path: temporary, done: false } satisfies UnfinishedFile)
  try {
    const handle = await open(temporary, 'wx')
    try {
      await writeFully(handle, header)
      for (const { data } of order) {
        await writeFully(handle, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {})
    const what = systemReasonOf(cause) ?? {
      expected: 'a place where the file can be written',
      got: messageOf(cause),
    }
    throw new MediaError('media/output', { subject: path, ...what }, { cause })
  } finally {
    unfinishedFiles.publish({ path: temporary, done: true } satisfies UnfinishedFile)
  }
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, Math.min(bytes.length - at, maxBytesPerWrite))
    at += bytesWritten
  }
}

/** One write call cannot take 2 GiB or more. */
const maxBytesPerWrite = 2 ** 30
