/** The examples of docs/cheaper-steps.md, made with the built-in model and measured as `framewright eval` does. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Engine } from '../../../src/engine/engine.ts'
import { resolveModel } from '../../../src/engine/model-name.ts'
import { judge, type Verdict } from '../../../src/eval/judge.ts'
import { readScenes, type Scene } from '../../../src/eval/scenes.ts'
import type { GenerateRequest } from '../../../src/pipeline/request.ts'
import { openKeptEngine } from '../../kept-engine.ts'

let engine: Engine
let scenes: readonly Scene[]
beforeAll(async () => {
  const model = await resolveModel()
  scenes = (await readScenes(model)).slice(0, 2)
  engine = await openKeptEngine({ model })
})
afterAll(() => engine[Symbol.asyncDispose]())

async function verdictsOf(asked: Partial<GenerateRequest>): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  for (const scene of scenes) {
    const frames: Uint8Array[] = []
    for await (const event of engine.generate({ prompt: scene.prompt, seed: 0, ...asked })) {
      if (event.type !== 'frames-decoded') continue
      const bytes = event.frames.length / event.count
      for (let index = 0; index < event.count; index++)
        frames.push(event.frames.slice(index * bytes, (index + 1) * bytes))
    }
    verdicts.push(judge({ size: engine.facts.defaults.width, frames }, scene))
  }
  return verdicts
}

const flicker = (verdicts: readonly Verdict[]) =>
  verdicts.reduce((sum, verdict) => sum + (verdict.flicker ?? Number.NaN), 0) / verdicts.length

test('the example of projected guidance flickers less than classifier-free guidance of its strength', async () => {
  const example = '--guidance 8 --guidance-method apg --apg-norm-threshold 10'
  expect(readFileSync('docs/cheaper-steps.md', 'utf8')).toContain(example)
  const plain = await verdictsOf({ guidance: 8 })
  const projected = await verdictsOf({ guidance: 8, guidanceMethod: 'apg', apgNormThreshold: 10 })
  console.info(`flicker of 255: ${flicker(plain).toFixed(2)} without, ${flicker(projected).toFixed(2)} with`)
  expect(flicker(projected)).toBeLessThan(0.85 * flicker(plain))
  expect(projected.every(({ colour, motion }) => colour && motion)).toBe(true)
}, 300_000)

test('projected guidance shows what is asked for where nothing else is said', async () => {
  const verdicts = await verdictsOf({ guidance: 6, guidanceMethod: 'apg' })
  expect(verdicts.every(({ background, colour, motion }) => background && colour && motion)).toBe(true)
  expect(flicker(verdicts)).toBeLessThan(3)
}, 300_000)
