import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { resolveModel } from '../../src/index.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { openKeptEngine } from '../kept-engine.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'

describe('the built-in checkpoint', () => {
  test.each([1, 2])('case %d: makes the frames that diffusers makes with it', async number => {
    const { call, seed } = JSON.parse(readFileSync(fixture(`doodle/case-${number}.json`), 'utf8'))
    const reference = readFixtureTensors(fixture(`doodle/case-${number}.safetensors.gz`))
    await using engine = await openKeptEngine({
      model: await resolveModel('doodle'),
    })
    const parts: Uint8Array[] = []
    for await (const event of engine.generate({ prompt: call.prompt, seed })) {
      if (event.type === 'frames-decoded') parts.push(event.frames)
      if (event.type === 'video-end') {
        const expected = reference.get('final_latents')!.data as Float32Array
        expect(relativeError(event.latents.data as Float32Array, expected)).toBeLessThan(1e-4)
      }
    }
    const all = Buffer.concat(parts)
    const bytes = all.length / 17
    // Every fourth frame is kept.
    const frames = Buffer.concat(
      [0, 4, 8, 12, 16].map(frame => all.subarray(frame * bytes, (frame + 1) * bytes)),
    )
    const expected = reference.get('frames_uint8')!.data as Uint8Array
    const off = frames.filter((level, index) => Math.abs(level - expected[index]!) > 1).length
    expect(frames.length).toBe(expected.length)
    expect(off / frames.length).toBeLessThanOrEqual(0.001)
  })
})
