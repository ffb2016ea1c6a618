/** The smallest even number that is not below a size: 4:2:0 video halves both sides. */
export function evenSize(size: number): number {
  return size + (size & 1)
}

/**
 * Converts RGB to planar 4:2:0 in BT.709, limited range (ITU-R BT.709-6, items 3.2 to 3.4, with 8 bits: luma
 * 16 … 235, chroma 16 … 240). A chroma sample is the mean of its four pixels. Odd sizes repeat the last row and
 * column. Integer arithmetic with 16 fractional bits, so the result is the same everywhere.
 *
 * @param rgb one frame, [height, width, 3]
 * @returns the planes Y, Cb, Cr one after the other, with even sizes
 */
export function rgbToYuv(rgb: Uint8Array, width: number, height: number): Uint8Array {
  const evenWidth = evenSize(width)
  const evenHeight = evenSize(height)
  const lumaBytes = evenWidth * evenHeight
  const chromaBytes = lumaBytes / 4
  const planes = new Uint8Array(lumaBytes + 2 * chromaBytes)
  let chroma = lumaBytes
  for (let y = 0; y < evenHeight; y += 2) {
    const top = y * width * 3
    const bottom = Math.min(y + 1, height - 1) * width * 3
    const luma = y * evenWidth
    for (let x = 0; x < evenWidth; x += 2) {
      const left = x * 3
      const right = Math.min(x + 1, width - 1) * 3
      const [a, b, c, d] = [top + left, top + right, bottom + left, bottom + right]
      planes[luma + x] = lumaOf(rgb, a)
      planes[luma + x + 1] = lumaOf(rgb, b)
      planes[luma + evenWidth + x] = lumaOf(rgb, c)
      planes[luma + evenWidth + x + 1] = lumaOf(rgb, d)
      const red = rgb[a]! + rgb[b]! + rgb[c]! + rgb[d]!
      const green = rgb[a + 1]! + rgb[b + 1]! + rgb[c + 1]! + rgb[d + 1]!
      const blue = rgb[a + 2]! + rgb[b + 2]! + rgb[c + 2]! + rgb[d + 2]!
      // 18 fractional bits: the sums are over four pixels.
      planes[chroma] = 128 + ((-6596 * red - 22189 * green + 28785 * blue + 131072) >> 18)
      planes[chroma + chromaBytes] = 128 + ((28785 * red - 26145 * green - 2640 * blue + 131072) >> 18)
      chroma++
    }
  }
  return planes
}

function lumaOf(rgb: Uint8Array, at: number): number {
  return 16 + ((11966 * rgb[at]! + 40254 * rgb[at + 1]! + 4064 * rgb[at + 2]! + 32768) >> 16)
}
