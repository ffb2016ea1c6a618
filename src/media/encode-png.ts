import { loadSharp } from './load-sharp.ts'
import type { Picture } from './read-picture.ts'
import { type GenerationRecord, recordToText } from './record.ts'
import { textToXmp } from './xmp.ts'

/** What encodes pictures as PNG: exact pixels, with the record of how they were made. */
export function pngEncoder(record: GenerationRecord | undefined): (picture: Picture) => Promise<Buffer> {
  const sharp = loadSharp()
  const xmp = record && textToXmp(recordToText(record))
  return async ({ width, height, data }) => {
    const image = sharp(data, { raw: { width, height, channels: 3 } })
    if (xmp !== undefined) image.withXmp(xmp)
    return await image.png().toBuffer()
  }
}
