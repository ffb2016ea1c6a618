import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { gifBlocks, withGifComment } from '../../../src/media/gif-comment.ts'

const pixels = new Uint8Array(16 * 48 * 3).map((_, at) => at * 7)

function gif(): Promise<Buffer> {
  return sharp(pixels, { raw: { width: 16, height: 48, channels: 3, pageHeight: 16 } })
    .gif({ delay: 100 })
    .toBuffer()
}

describe('a comment in a GIF', () => {
  it.each([0, 1, 254, 255, 256, 1000])('of %d characters is kept, and the pictures with it', async length => {
    const file = await gif()
    const comment = JSON.stringify('x'.repeat(length))
    const commented = withGifComment(file, comment)
    expect(gifBlocks(commented)).toEqual({ comments: [comment], whole: true })
    const decode = (bytes: Uint8Array) => sharp(bytes, { animated: true }).raw().toBuffer()
    expect((await decode(commented)).equals(await decode(file))).toBe(true)
  })

  it('is 7-bit text, as the format asks, and means the same', async () => {
    const value = { prompt: '赤い “ball” 🎈\n' }
    const [comment] = gifBlocks(withGifComment(await gif(), JSON.stringify(value))).comments
    expect(comment).toMatch(/^[\x20-\x7e]+$/)
    expect(JSON.parse(comment!)).toEqual(value)
  })

  it('is missed, and the file told to be cut, wherever the file ends inside a block', async () => {
    const whole = withGifComment(await gif(), '"hello"')
    expect(gifBlocks(whole.subarray(0, whole.length - 1)).whole).toBe(true) // Only the trailer is missing.
    for (const part of [0.2, 0.5, 0.8]) {
      expect(gifBlocks(whole.subarray(0, whole.length * part)).whole).toBe(false)
    }
  })
})
