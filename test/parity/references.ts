/** Cases that diffusers recorded, and its layouts of what they hold. */
import { copyFileSync, mkdtempSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import type { Tensor } from '../../src/index.ts'
import { fixture, hasFixture, isFixture } from '../fixtures.ts'

export interface Recorded<Case> {
  readonly name: string
  readonly about: Case
}

/**
 * The cases at hand of a folder: all of them with the full set of references, some with the committed subset.
 * @param model the model that they were recorded with
 */
export function casesOf<Case>(folder: string, model = `${folder}/model`): Recorded<Case>[] {
  return Array.from({ length: 9 }, (_, index) => `case-${index + 1}`)
    .filter(name => hasFixture(`${model}/model_index.json`) && isFixture(`${folder}/${name}.json`))
    .map(name => ({
      name,
      about: JSON.parse(readFileSync(fixture(`${folder}/${name}.json`), 'utf8')) as Case,
    }))
}

/** A folder in another with the pictures of a clip and nothing else, as a request takes it. */
export function pictureFolder(files: readonly string[], scratch: string): string {
  const folder = mkdtempSync(path.join(scratch, 'clip-'))
  files.forEach((file, index) => {
    copyFileSync(file, path.join(folder, `${String(index).padStart(5, '0')}.png`))
  })
  return folder
}

/** Fails for pictures of which more than a thousandth of the values is off by more than one level. */
export function expectLevels(ours: Uint8Array, levels: Uint8Array): void {
  expect(ours.length).toBe(levels.length)
  const off = ours.filter((level, index) => Math.abs(level - levels[index]!) > 1).length
  expect(off / ours.length).toBeLessThanOrEqual(0.001)
}

/** [channels, frames, h, w] → tokens by channels, as LTX's pipelines have them. */
export function tokensFirst({ shape, data }: Pick<Tensor, 'shape' | 'data'>): Float32Array {
  const channels = shape[0]!
  const tokens = data.length / channels
  const moved = new Float32Array(data.length)
  for (let channel = 0; channel < channels; channel++) {
    for (let token = 0; token < tokens; token++) {
      moved[token * channels + channel] = Number(data[channel * tokens + token])
    }
  }
  return moved
}

/** Arrays one after the other. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** [1, channels, frames, h, w] → [frames, channels, h, w]. */
export function framesFirst({ shape, data }: Tensor): Float32Array {
  const [, channels, frames, h, w] = shape as [number, number, number, number, number]
  const plane = h * w
  const moved = new Float32Array(data.length)
  for (let channel = 0; channel < channels; channel++) {
    for (let frame = 0; frame < frames; frame++) {
      const from = (channel * frames + frame) * plane
      moved.set((data as Float32Array).subarray(from, from + plane), (frame * channels + channel) * plane)
    }
  }
  return moved
}
