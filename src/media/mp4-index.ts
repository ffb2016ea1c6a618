import { type FileHandle, open } from 'node:fs/promises'

export interface Box {
  readonly type: string
  /** Offsets in the bytes or file: of the box, of what it holds, of what comes after it. */
  readonly start: number
  readonly body: number
  readonly end: number
}

/**
 * Copies an MP4 file with its index (`moov`) before its data, as players that stream want it, and with the times of
 * creation set to zero, so that the same clip gives the same bytes (ISO/IEC 14496-12, 8.2 and 8.7.5).
 *
 * @throws Error when the file has no index, or is so near 4 GiB that its 32-bit offsets cannot be moved
 */
export async function moveIndexToFront(from: string, to: string): Promise<void> {
  const source = await open(from, 'r')
  const target = await open(to, 'wx').catch(async error => {
    await source.close()
    throw error
  })
  try {
    const boxes = await topLevelBoxes(source)
    const index = boxes.find(box => box.type === 'moov')
    const data = boxes.find(box => box.type === 'mdat')
    if (index === undefined || data === undefined || index.start < data.start) {
      throw new Error(`mp4: expected data and then an index, got ${boxes.map(box => box.type).join(', ')}`)
    }
    const moov = new Uint8Array(index.end - index.start)
    await source.read(moov, 0, moov.length, index.start)
    patch(moov, moov.length)
    await copy(source, target, 0, data.start)
    await writeAll(target, moov)
    await copy(source, target, data.start, index.start)
  } finally {
    await source.close()
    await target.close()
  }
}

/** The boxes of an MP4 or MOV file, in order. The last one may end after the file when the file was cut off. */
export async function topLevelBoxes(file: FileHandle): Promise<Box[]> {
  const boxes: Box[] = []
  const header = new Uint8Array(16)
  const { size } = await file.stat()
  for (let at = 0; at + 8 <= size; ) {
    await file.read(header, 0, 16, at)
    const box = readBox(header, 0, size - at)
    if (box.end < box.body) break
    boxes.push({ type: box.type, start: at, body: at + box.body, end: at + box.end })
    at += box.end
  }
  return boxes
}

/** The boxes between two offsets, in order, until one that is malformed. None ends after `end`. */
export function* boxesIn(bytes: Uint8Array, start: number, end: number): Generator<Box, void, undefined> {
  for (let at = start; at + 8 <= end; ) {
    const box = readBox(bytes, at, end - at)
    if (box.end < box.body) return
    yield { ...box, end: Math.min(box.end, end) }
    at = box.end
  }
}

/** @param rest bytes up to where a box without a size ends */
function readBox(bytes: Uint8Array, at: number, rest: number): Box {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + at, bytes.length - at)
  const type = view.toString('latin1', 4, 8)
  const size = view.readUInt32BE(0)
  if (size === 1 && view.length >= 16) {
    return { type, start: at, body: at + 16, end: at + Number(view.readBigUInt64BE(8)) }
  }
  return { type, start: at, body: at + 8, end: at + (size === 0 ? rest : size) }
}

const containers = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl'])

/** Moves every chunk offset in an index by `shift` bytes, and sets every time of creation to zero. */
function patch(moov: Uint8Array, shift: number): void {
  const view = new DataView(moov.buffer, moov.byteOffset, moov.byteLength)
  const visit = (start: number, end: number) => {
    for (const box of boxesIn(moov, start, end)) {
      if (containers.has(box.type)) visit(box.body, box.end)
      if (box.type === 'mvhd' || box.type === 'tkhd' || box.type === 'mdhd') {
        // Version and flags (4 bytes), then creation and modification time, of 8 bytes each in version 1.
        moov.fill(0, box.body + 4, box.body + (moov[box.body] === 1 ? 20 : 12))
      }
      if (box.type === 'stco' || box.type === 'co64') moveOffsets(view, box, shift)
    }
  }
  visit(0, moov.length)
}

function moveOffsets(view: DataView, box: Box, shift: number): void {
  const count = view.getUint32(box.body + 4)
  for (let entry = 0; entry < count; entry++) {
    if (box.type === 'co64') {
      const at = box.body + 8 + entry * 8
      view.setBigUint64(at, view.getBigUint64(at) + BigInt(shift))
    } else {
      const at = box.body + 8 + entry * 4
      const moved = view.getUint32(at) + shift
      if (moved > 0xffffffff) throw new Error('mp4: the clip is too large for 32-bit offsets; write .webm')
      view.setUint32(at, moved)
    }
  }
}

async function copy(source: FileHandle, target: FileHandle, start: number, end: number): Promise<void> {
  const buffer = new Uint8Array(Math.min(2 ** 20, end - start))
  for (let at = start; at < end; ) {
    const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, end - at), at)
    if (bytesRead === 0) throw new Error('mp4: the file ended early while it was copied')
    await writeAll(target, buffer.subarray(0, bytesRead))
    at += bytesRead
  }
}

async function writeAll(target: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await target.write(bytes, done, bytes.length - done)).bytesWritten
  }
}
