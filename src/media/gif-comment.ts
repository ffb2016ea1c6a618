/**
 * Comments in GIF files (GIF89a specification, section 24): a Comment Extension is 0x21 0xFE and a chain of
 * sub-blocks of at most 255 bytes. Comments are 7-bit text, so other characters are written as JSON escapes.
 */

const trailer = 0x3b
const extension = 0x21
const commentLabel = 0xfe
const imageSeparator = 0x2c

/** A GIF file with a comment before its trailer. */
export function withGifComment(gif: Uint8Array, json: string): Uint8Array {
  const end = gif.lastIndexOf(trailer)
  const jsonEscape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  const text = Buffer.from(json.replace(/[^\x20-\x7e]/g, jsonEscape), 'latin1')
  const blocks = Array.from({ length: Math.ceil(text.length / 255) }, (_, index) => {
    const part = text.subarray(index * 255, (index + 1) * 255)
    return Buffer.concat([Buffer.of(part.length), part])
  })
  const comment = [Buffer.of(extension, commentLabel), ...blocks, Buffer.of(0)]
  return Buffer.concat([gif.subarray(0, end), ...comment, gif.subarray(end)])
}

/** What a walk through the blocks of a GIF file finds. */
export interface GifBlocks {
  /** In the order of the file. */
  readonly comments: readonly string[]
  /** False when the file ends inside a block. */
  readonly whole: boolean
}

export function gifBlocks(gif: Uint8Array): GifBlocks {
  const comments: string[] = []
  let at = 13 + colourTableBytes(gif[10] ?? 0)
  while (at < gif.length) {
    const block = gif[at]
    if (block === extension) {
      const chain = subBlocks(gif, at + 2)
      if (gif[at + 1] === commentLabel) comments.push(Buffer.concat(chain.parts).toString('utf8'))
      at = chain.end
    } else if (block === imageSeparator) {
      // Image descriptor (10 bytes), its colour table, the LZW code size (1 byte), then the data.
      at = subBlocks(gif, at + 11 + colourTableBytes(gif[at + 9] ?? 0)).end
    } else break
  }
  return { comments, whole: at <= gif.length }
}

function colourTableBytes(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0
}

function subBlocks(gif: Uint8Array, start: number): { parts: Uint8Array[]; end: number } {
  const parts: Uint8Array[] = []
  let at = start
  for (let size = gif[at]; size !== undefined && size > 0; size = gif[at]) {
    parts.push(gif.subarray(at + 1, at + 1 + size))
    at += 1 + size
  }
  return { parts, end: at + 1 }
}
