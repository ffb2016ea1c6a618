import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Picture } from '../../../src/media/read-picture.ts'

/** Noise that Python draws as easily: the high bytes of the 32-bit generator s = 1664525 · s + 1013904223. */
export function drawnPicture(width: number, height: number, seed: number): Picture {
  let state = seed
  const data = new Uint8Array(width * height * 3).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
  return { width, height, data }
}

/** The first 16 hexadecimal digits of the SHA-256 of an array's bytes. */
export function digest({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array): string {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16)
}

/** The cases that a reference program made of drawn pictures, from `test/fixtures/media`. */
export function drawnCases<Case>(name: string): Case[] {
  return JSON.parse(readFileSync(new URL(`../../fixtures/media/${name}.json`, import.meta.url), 'utf8')).cases
}
