import { loadSharp } from './load-sharp.ts'
import type { Picture } from './read-picture.ts'
import { type GenerationRecord, recordToText } from './record.ts'
import { textToXmp } from './xmp.ts'

/** A picture as PNG: exact pixels, with the record of how it was made. */
export async function encodePng(
  { width, height, data }: Picture,
  record: GenerationRecord | undefined,
): Promise<Buffer> {
  const image = loadSharp()(data, { raw: { width, height, channels: 3 } })
  if (record) image.withXmp(textToXmp(recordToText(record)))
  return await image.png().toBuffer()
}
