import { type FileHandle, open } from 'node:fs/promises'

/** Of Matroska (RFC 9559): what players drop of the start of decoded sound, and what they decode before a place to seek to. */
const codecDelay = [0x56, 0xaa]
const seekPreRoll = [0x56, 0xbb]

/** Where a head of tracks ends at the latest. */
const headBytes = 2 ** 20

/**
 * Marks what an Opus track of a WebM file has before its sound. mediabunny 1.61 writes that number as what is to be decoded
 * before a place, and no other element: both have ids of two bytes, so that one takes the place of the other.
 * @throws Error when the file has no such element
 */
export async function markCodecDelay(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const at = await elementAt(file)
    await file.write(Buffer.from(codecDelay), 0, 2, at)
  } finally {
    await file.close()
  }
}

/** The place of the element, which follows the track's OpusHead. */
async function elementAt(file: FileHandle): Promise<number> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0)
  const head = buffer.subarray(0, bytesRead)
  const at = head.indexOf(Buffer.from(seekPreRoll), Math.max(0, head.indexOf('OpusHead')))
  if (at < 0) throw new Error('webm: expected an Opus track with its delay, got none')
  return at
}
