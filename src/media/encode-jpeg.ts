import { loadSharp } from './load-sharp.ts'
import type { Picture } from './read-picture.ts'

/**
 * A picture as a JPEG file.
 * @param quality 1 to 100
 */
export async function encodeJpeg({ width, height, data }: Picture, quality = 80): Promise<Uint8Array> {
  const sharp = loadSharp()
  return await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality })
    .toBuffer()
}
