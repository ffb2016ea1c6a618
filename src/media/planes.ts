import type { Picture } from './decode-picture.ts'

/**
 * The three channels one after the other, every level replaced by its entry in the table of its channel.
 * @param tables 256 numbers for red, green and blue
 * @returns [3, height, width]
 */
export function toPlanes({ width, height, data }: Picture, tables: readonly Float32Array[]): Float32Array {
  const plane = width * height
  const planes = new Float32Array(3 * plane)
  tables.forEach((table, channel) => {
    const start = channel * plane
    for (let i = 0, at = channel; i < plane; i++, at += 3) planes[start + i] = table[data[at]!]!
  })
  return planes
}
