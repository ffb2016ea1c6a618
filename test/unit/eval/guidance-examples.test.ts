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
let scene: Scene
beforeAll(async () => {
  const model = await resolveModel()
  scene = (await readScenes(model))[1]!
  engine = await openKeptEngine({ model })
})
afterAll(() => engine[Symbol.asyncDispose]())

async function verdictOf(asked: Partial<GenerateRequest>): Promise<Verdict> {
  const frames: Uint8Array[] = []
  for await (const event of engine.generate({ prompt: scene.prompt, seed: 0, ...asked })) {
    if (event.type !== 'frames-decoded') continue
    const bytes = event.frames.length / event.count
    for (let index = 0; index < event.count; index++)
      frames.push(event.frames.slice(index * bytes, (index + 1) * bytes))
  }
  return judge({ size: engine.facts.defaults.width, frames }, scene)
}

test('the example of projected guidance flickers less than classifier-free guidance of its strength', async () => {
  const example = '--guidance 8 --guidance-method apg --apg-norm-threshold 10'
  expect(readFileSync('docs/cheaper-steps.md', 'utf8')).toContain(example)
  const plain = await verdictOf({ guidance: 8 })
  const projected = await verdictOf({ guidance: 8, guidanceMethod: 'apg', apgNormThreshold: 10 })
  console.info(`flicker of 255: ${plain.flicker!.toFixed(2)} without, ${projected.flicker!.toFixed(2)} with`)
  expect(projected.flicker).toBeLessThan(0.85 * plain.flicker!)
  expect(projected).toMatchObject({ colour: true, motion: true })
}, 300_000)

test('projected guidance shows what is asked for where nothing else is said', async () => {
  const verdict = await verdictOf({ guidance: 6, guidanceMethod: 'apg' })
  expect(verdict).toMatchObject({ background: true, colour: true, motion: true })
  expect(verdict.flicker).toBeLessThan(3)
}, 300_000)
