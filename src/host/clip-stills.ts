import { writeFile } from 'node:fs/promises'
import { contactSheet } from '../media/contact-sheet.ts'
import { encodeJpeg } from '../media/encode-jpeg.ts'
import type { FramesDecodedEvent } from '../pipeline/events.ts'

/** Frames of a spritesheet. */
const sheetFrames = 16

/** Picks the frames for a thumbnail and a spritesheet as they pass by, and writes both. */
export class ClipStills {
  readonly #picked = new Map<number, Uint8Array>()
  #size = { width: 0, height: 0 }
  #total = 0

  take({ first, count, of, width, height, frames }: FramesDecodedEvent): void {
    this.#size = { width, height }
    this.#total = of
    const bytes = width * height * 3
    for (const frame of wanted(of)) {
      if (frame < first || frame >= first + count) continue
      this.#picked.set(frame, frames.slice((frame - first) * bytes, (frame - first + 1) * bytes))
    }
  }

  /** A JPEG of the middle frame, and a PNG of up to 16 frames side by side. */
  async write(thumbnail: string, spritesheet: string): Promise<void> {
    const { width, height } = this.#size
    const middle = this.#picked.get(middleOf(this.#total))!
    const order = [...this.#picked.keys()].filter(frame => sheetOf(this.#total).includes(frame))
    const frames = Buffer.concat(order.sort((a, b) => a - b).map(frame => this.#picked.get(frame)!))
    await writeFile(thumbnail, await encodeJpeg({ width, height, data: middle }))
    await writeFile(spritesheet, await contactSheet({ frames, width, height }))
  }
}

function wanted(total: number): number[] {
  return [...new Set([...sheetOf(total), middleOf(total)])]
}

function sheetOf(total: number): number[] {
  const count = Math.min(sheetFrames, total)
  const step = count > 1 ? (total - 1) / (count - 1) : 0
  return Array.from({ length: count }, (_, index) => Math.round(index * step))
}

function middleOf(total: number): number {
  return Math.floor(total / 2)
}
