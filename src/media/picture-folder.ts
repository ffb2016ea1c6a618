import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClipFormat, FrameSink } from './frame-sink.ts'
import { loadSharp } from './load-sharp.ts'
import { recordToText } from './record.ts'
import { textToXmp } from './xmp.ts'

/**
 * A folder of PNG files, 00000.png onwards: exact pixels, no loss. Every picture carries the record, so that one
 * that is moved elsewhere still tells where it came from, and the folder holds nothing but pictures.
 */
export async function openPictureFolder(path: string, clip: ClipFormat): Promise<FrameSink> {
  const sharp = loadSharp()
  await mkdir(path)
  const xmp = clip.record && textToXmp(recordToText(clip.record))
  let index = 0
  let bytes = 0
  return {
    async write(frame) {
      const image = sharp(frame, { raw: { width: clip.width, height: clip.height, channels: 3 } })
      if (xmp !== undefined) image.withXmp(xmp)
      const png = await image.png().toBuffer()
      await writeFile(join(path, `${String(index++).padStart(5, '0')}.png`), png, { flag: 'wx' })
      bytes += png.length
    },
    async finish() {
      return bytes
    },
    async abort() {},
  }
}
