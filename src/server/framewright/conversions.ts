import { randomUUID } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pngEncoder } from '../../media/encode-png.ts'
import { readRecord } from '../../media/read-record.ts'
import { readVideo } from '../../media/read-video.ts'
import { openVideoWriter } from '../../media/writer.ts'
import { type ZippedFile, zip, zipLimits } from '../http/zip.ts'
import type { ConversionName } from './contract.ts'

export interface Converted {
  readonly contentType: string
  /** Of the file that a browser saves. */
  readonly ending: string
  readonly body: Buffer | AsyncGenerator<Uint8Array>
}

export interface ConversionOptions {
  /** Folder for files that are not whole yet. */
  readonly folder: string
  readonly signal: AbortSignal
}

/** Browsers play faster GIFs at a tenth of their rate. */
const fastestGif = 50

/** Settings that the file was made with go along. @throws MediaError for one that is too large for the format */
export async function convertVideo(
  path: string,
  name: ConversionName,
  options: ConversionOptions,
): Promise<Converted> {
  if (name === 'gif') return { contentType: 'image/gif', ending: 'gif', body: await gifOf(path, options) }
  if (name === 'frames')
    return { contentType: 'application/zip', ending: 'zip', body: zip(pngsOf(path, options)) }
  return { contentType: 'image/png', ending: 'png', body: await lastFrameOf(path, options) }
}

/** Whether the frames fit into one archive, were they as large as their pixels. */
export function fitsArchive({
  width,
  height,
  frames,
}: {
  readonly width: number
  readonly height: number
  readonly frames: number
}): boolean {
  return frames <= zipLimits.files && 3.1 * width * height * frames < zipLimits.bytes
}

async function gifOf(path: string, { folder, signal }: ConversionOptions): Promise<Buffer> {
  const { fps: rate = 1 } = await readVideo(path)
  const fps = Math.min(rate, fastestGif)
  const { width, height, frames } = await readVideo(path, { fps, signal })
  const made = join(folder, `${randomUUID()}.gif`)
  try {
    const metadata = await readRecord(path)
    await using writer = await openVideoWriter({ path: made, width, height, fps, metadata, signal })
    for await (const frame of frames) await writer.write(frame)
    await writer.finish()
    return await readFile(made)
  } finally {
    await rm(made, { force: true })
  }
}

async function* pngsOf(path: string, { signal }: ConversionOptions): AsyncGenerator<ZippedFile> {
  const { width, height, frames } = await readVideo(path, { signal })
  const encode = pngEncoder(await readRecord(path))
  let index = 0
  for await (const data of frames) {
    const name = `${String(index++).padStart(5, '0')}.png`
    yield { name, bytes: await encode({ width, height, data }) }
  }
}

async function lastFrameOf(path: string, { signal }: ConversionOptions): Promise<Buffer> {
  const { width, height, frames } = await readVideo(path, { signal })
  const data = new Uint8Array(width * height * 3)
  for await (const frame of frames) data.set(frame)
  return await pngEncoder(await readRecord(path))({ width, height, data })
}
