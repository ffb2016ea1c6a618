import { open } from 'node:fs/promises'
import { MediaError } from '../errors.ts'
import { type Box, boxesIn, topLevelBoxes } from './mp4-index.ts'

/** A part of a track's media, and when it is presented; all in seconds. */
export interface Edit {
  readonly mediaStart: number
  readonly presentedAt: number
  /** Infinity where the list leaves it open. */
  readonly seconds: number
}

/** How far times that a file rounds to its two time scales can lie apart. */
const toleranceSeconds = 0.0005

/**
 * The edit list of a track of an MP4 or MOV file (ISO/IEC 14496-12, 8.6.6): what cuts, trims and delays a clip without
 * coding it again. Empty edits are time before the clip.
 *
 * @returns undefined for a track without one, and for other containers
 * @throws MediaError for a list that repeats, reorders, freezes or changes the speed of its media
 */
export async function readEditList(path: string, trackId: number): Promise<readonly Edit[] | undefined> {
  const moov = await readIndex(path)
  if (moov === undefined) return undefined
  const boxes = [...boxesIn(moov, 0, moov.length)]
  const movieScale = timescaleOf(moov, find(boxes, 'mvhd'))
  const track = boxes
    .filter(({ type }) => type === 'trak')
    .map(box => [...boxesIn(moov, box.body, box.end)])
    .find(parts => trackIdOf(moov, find(parts, 'tkhd')) === trackId)
  const list = find(within(moov, find(track ?? [], 'edts')), 'elst')
  const mediaScale = timescaleOf(moov, find(within(moov, find(track ?? [], 'mdia')), 'mdhd'))
  if (!list || !movieScale || !mediaScale) return undefined
  return editsOf(path, entriesOf(moov, list), movieScale, mediaScale)
}

/**
 * When a picture is presented.
 * @param timestamp seconds, counted so that the first edit's media is presented where the edit says
 * @returns undefined for a picture that is cut away
 */
export function presentedAt(edits: readonly Edit[] | undefined, timestamp: number): number | undefined {
  const [first] = edits ?? []
  if (!edits || !first) return timestamp < -toleranceSeconds ? undefined : timestamp
  const media = timestamp + first.mediaStart - first.presentedAt
  const edit = edits.find(({ mediaStart, seconds }) => {
    return media >= mediaStart - toleranceSeconds && media < mediaStart + seconds - toleranceSeconds
  })
  return edit && media - edit.mediaStart + edit.presentedAt
}

interface Entry {
  readonly duration: number
  /** -1 for time in which nothing is presented. */
  readonly mediaTime: number
  readonly rate: number
}

function editsOf(path: string, entries: readonly Entry[], movieScale: number, mediaScale: number): Edit[] {
  const edits: Edit[] = []
  let at = 0
  for (const { duration, mediaTime, rate } of entries) {
    // A list that is written before the length is known, as in fragmented files, leaves its last duration at 0.
    const seconds = duration === 0 ? Number.POSITIVE_INFINITY : duration / movieScale
    if (mediaTime >= 0) {
      const mediaStart = mediaTime / mediaScale
      const last = edits.at(-1)
      if (rate !== 1) throw unsupported(path, `a rate of ${rate}`)
      if (last && mediaStart < last.mediaStart + last.seconds - toleranceSeconds) {
        throw unsupported(path, 'a part that is shown again')
      }
      edits.push({ mediaStart, presentedAt: at, seconds })
    }
    at += duration / movieScale
  }
  return edits
}

function unsupported(path: string, got: string): MediaError {
  const expected = 'an edit list that cuts and joins'
  const advice = 'Encode the clip anew, for example: ffmpeg -i clip.mov clip.mp4'
  return new MediaError('media/input', { subject: path, expected, got, advice })
}

/** The `moov` box's contents; undefined for a file without one. */
async function readIndex(path: string): Promise<Buffer | undefined> {
  const file = await open(path, 'r')
  try {
    const head = await file.read(Buffer.alloc(8), 0, 8, 0)
    if (head.buffer.readUInt32BE(0) === 0x1a45dfa3) return undefined // Matroska
    const index = (await topLevelBoxes(file)).find(({ type }) => type === 'moov')
    if (index === undefined) return undefined
    const { size } = await file.stat()
    const moov = Buffer.alloc(Math.max(0, Math.min(index.end, size) - index.body))
    await file.read(moov, 0, moov.length, index.body)
    return moov
  } finally {
    await file.close()
  }
}

function find(boxes: readonly Box[], type: string): Box | undefined {
  return boxes.find(box => box.type === type)
}

function within(bytes: Buffer, box: Box | undefined): Box[] {
  return box ? [...boxesIn(bytes, box.body, box.end)] : []
}

/** `tkhd`: version and flags, then two times of 4 or 8 bytes, then the id. */
function trackIdOf(bytes: Buffer, box: Box | undefined): number | undefined {
  return box && readUint32(bytes, box, bytes[box.body] === 1 ? 20 : 12)
}

/** `mvhd` and `mdhd`: version and flags, then two times of 4 or 8 bytes, then the units per second. */
function timescaleOf(bytes: Buffer, box: Box | undefined): number | undefined {
  return box && readUint32(bytes, box, bytes[box.body] === 1 ? 20 : 12)
}

function readUint32(bytes: Buffer, { body, end }: Box, offset: number): number | undefined {
  return body + offset + 4 <= end ? bytes.readUInt32BE(body + offset) : undefined
}

function entriesOf(bytes: Buffer, { body, end }: Box): Entry[] {
  const long = bytes[body] === 1
  const width = long ? 20 : 12
  const entries: Entry[] = []
  const listed = bytes.readUInt32BE(body + 4)
  for (let at = body + 8; at + width <= end && entries.length < listed; at += width) {
    const rateAt = at + width - 4
    entries.push({
      duration: long ? Number(bytes.readBigUInt64BE(at)) : bytes.readUInt32BE(at),
      mediaTime: long ? Number(bytes.readBigInt64BE(at + 8)) : bytes.readInt32BE(at + 4),
      rate: bytes.readInt32BE(rateAt) / 65536,
    })
  }
  return entries
}
