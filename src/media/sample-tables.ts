import type { FileHandle } from 'node:fs/promises'
import { boxesIn, topLevelBoxes } from './mp4-index.ts'

const containers = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'moof', 'traf'])

/**
 * The most samples that a table of an MP4 or MOV file counts (ISO/IEC 14496-12: 8.6.1, `stts` and `ctts`; 8.8.8,
 * `trun`). Tables say "n samples alike", and readers write that out: a few wrong bytes make them fill the memory.
 */
export async function mostSamples(file: FileHandle): Promise<number> {
  let most = 0
  for (const { type, start, end } of await topLevelBoxes(file)) {
    if (!containers.has(type)) continue
    const { size } = await file.stat()
    const bytes = Buffer.alloc(Math.min(end, size) - start)
    await file.read(bytes, 0, bytes.length, start)
    most = Math.max(most, samplesCounted(bytes, 0, bytes.length))
  }
  return most
}

function samplesCounted(bytes: Buffer, start: number, end: number): number {
  let most = 0
  for (const box of boxesIn(bytes, start, end)) {
    if (containers.has(box.type)) most = Math.max(most, samplesCounted(bytes, box.body, box.end))
    if (box.type === 'stts' || box.type === 'ctts') most = Math.max(most, runsTotal(bytes, box.body, box.end))
    if (box.type === 'trun' && box.body + 8 <= box.end)
      most = Math.max(most, bytes.readUInt32BE(box.body + 4))
  }
  return most
}

/** Version and flags, the number of entries, then entries of a count and a time. */
function runsTotal(bytes: Buffer, body: number, end: number): number {
  let total = 0
  for (let at = body + 8; at + 8 <= end; at += 8) total += bytes.readUInt32BE(at)
  return total
}
