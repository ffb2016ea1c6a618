import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import type { GenerationRecord } from '../../../src/media/record.ts'
import { openVideoWriter, type WriterOptions } from '../../../src/media/writer.ts'

/** A folder of the test file's own, with a slash at the end; removed afterwards. */
export function temporaryFolder(): { readonly path: string } {
  const folder = { path: '' }
  beforeAll(async () => {
    folder.path = `${await mkdtemp(join(tmpdir(), 'framewright-media-'))}/`
  })
  afterAll(() => rm(folder.path, { recursive: true, force: true }))
  return folder
}

export const colours = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 255],
  [0, 0, 0],
  [128, 128, 128],
  [250, 200, 20],
  [30, 144, 200],
] as const

/** `count` frames, each of one colour: [count, height, width, 3]. */
export function flatFrames(count: number, width: number, height: number): Uint8Array {
  const frames = new Uint8Array(count * height * width * 3)
  for (let pixel = 0; pixel < frames.length / 3; pixel++) {
    frames.set(colours[Math.floor(pixel / (width * height)) % colours.length]!, pixel * 3)
  }
  return frames
}

/** A red disc that moves to the right over a gradient: [count, height, width, 3]. */
export function discFrames(count: number, width: number, height: number): Uint8Array {
  const frames = new Uint8Array(count * height * width * 3)
  let at = 0
  for (let frame = 0; frame < count; frame++) {
    const centre = (width * (frame + 1)) / (count + 1)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at += 3) {
        const isInside = (x - centre) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2
        frames[at] = isInside ? 220 : (x * 255) / width
        frames[at + 1] = isInside ? 30 : (y * 255) / height
        frames[at + 2] = isInside ? 40 : 160
      }
    }
  }
  return frames
}

export const record: GenerationRecord = {
  prompt: 'a “red” ball <moves> & bounces; 赤いボール 🎈\nsecond line',
  negativePrompt: '',
  seed: '18446744073709551615',
  model: 'doodle',
  sampler: 'unipc',
  steps: 20,
  guidance: 2.5,
  shift: 3,
  width: 64,
  height: 64,
  frames: 17,
  fps: 8,
  version: '0.1.0',
  lora: [{ file: 'style.safetensors', scale: 0.5 }],
}

/** Writes a clip in one go. */
export async function writeClip(frames: Uint8Array, options: WriterOptions) {
  const writer = await openVideoWriter(options)
  await writer.write(frames)
  return writer.finish()
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const result: T[] = []
  for await (const item of items) result.push(item)
  return result
}

/** Peak signal-to-noise ratio in decibels. */
export function psnr(a: Uint8Array, b: Uint8Array): number {
  let squares = 0
  for (let at = 0; at < a.length; at++) squares += (a[at]! - b[at]!) ** 2
  return 10 * Math.log10((255 * 255 * a.length) / squares)
}
