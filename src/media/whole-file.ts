import { type FileHandle, open } from 'node:fs/promises'
import { MediaError } from '../errors.ts'
import type { PictureFile } from './decode-picture.ts'
import { gifBlocks } from './gif-comment.ts'
import { topLevelBoxes } from './mp4-index.ts'
import { mostSamples } from './sample-tables.ts'

/**
 * Checks that a movie was not cut off, as an interrupted download is: decoders give the frames they find and are
 * silent about the rest. The boxes of MP4 and MOV must end with the file, or before bytes that belong to none, and so
 * must the segment of Matroska.
 *
 * @throws MediaError when bytes are missing at the end, or the index cannot be that of this file
 */
export async function checkWhole(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const end = await segmentEnd(file)
    const expected = end ?? (await lastBoxEnd(file))
    if (expected > size) throw cutOff(path, `a whole video of ${expected} bytes`, `its first ${size}`)
    if (end === undefined && (await mostSamples(file)) > size) throw impossible(path)
  } finally {
    await file.close()
  }
}

/** Top-level boxes of MP4 and MOV files. What follows them under another name was put behind the file. */
const topLevelTypes = new Set(
  'ftyp styp moov moof mdat mfra free skip wide uuid meta udta sidx ssix prft emsg pdin pnot PICT'.split(' '),
)

async function lastBoxEnd(file: FileHandle): Promise<number> {
  const boxes = await topLevelBoxes(file)
  const foreign = boxes.findIndex(({ type }) => !topLevelTypes.has(type))
  return (foreign < 0 ? boxes : boxes.slice(0, foreign)).at(-1)?.end ?? 0
}

function impossible(path: string): MediaError {
  const got = 'a broken one (its index counts more frames than it has bytes)'
  const advice = 'Copy or download it again.'
  return new MediaError('media/input', {
    subject: path,
    expected: 'a video that can be decoded',
    got,
    advice,
  })
}

/**
 * The same for GIF files, which must not end inside a block; other files pass.
 * @throws MediaError when bytes are missing at the end
 */
export function checkWholeGif({ path, bytes }: PictureFile): void {
  const isGif = Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'GIF8'
  if (isGif && !gifBlocks(bytes).whole)
    throw cutOff(path, 'a whole animation', 'one that ends inside a picture')
}

function cutOff(path: string, expected: string, got: string): MediaError {
  const advice = 'It was cut off; copy or download it again.'
  return new MediaError('media/input', { subject: path, expected, got, advice })
}

const ebml = 0x1a45dfa3
const segment = 0x18538067

/** Where the segment of a Matroska file ends (RFC 8794, 4 to 6); undefined for other kinds of files. */
async function segmentEnd(file: FileHandle): Promise<number | undefined> {
  const header = await readElement(file, 0)
  if (header.id !== ebml) return undefined
  const body = await readElement(file, header.body + header.size)
  return body.body + (body.id === segment ? body.size : 0)
}

/** An element with a four-byte id. Its size counts as 0 when it is left open, as live recordings do. */
async function readElement(file: FileHandle, at: number) {
  const { buffer } = await file.read(new Uint8Array(12), 0, 12, at)
  const width = Math.clz32(buffer[4]!) - 23
  const digits = Buffer.from(buffer.subarray(4, 4 + width))
  digits[0] = digits[0]! & (0xff >> width)
  const open = digits.every((digit, index) => digit === (index === 0 ? 0xff >> width : 0xff))
  const size = digits.reduce((value, digit) => value * 256 + digit, 0)
  return {
    id: Buffer.from(buffer).readUInt32BE(0),
    body: at + 4 + width,
    size: open || width > 8 ? 0 : size,
  }
}
