import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { ltx2 } from '../../../models/ltx2/family.ts'
import { ltx2Sound } from '../../../models/ltx2/sound.ts'
import { tensorsOf } from '../../../src/benchmark/synthetic.ts'
import { foldedValues } from '../../../src/graph/folded-values.ts'
import { LiveMemory } from '../../../src/graph/live-memory.ts'
import { decodeSound } from '../../../src/pipeline/decode-sound.ts'
import type { RunGraph, SoundFacts } from '../../../src/pipeline/family.ts'
import { elementCount } from '../../../src/tensor/dtype.ts'
import { createGenerator } from '../../../src/tensor/random.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { openWeights } from '../../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../../src/weights/scope.ts'
import { synthesizeWeights } from '../../../src/weights/sparse.ts'
import { largestDifference } from '../../compare.ts'
import { fixture } from '../../fixtures.ts'
import { openGraph } from '../../graph-session.ts'
import { publishedDecoding } from '../../published-decoding.ts'
import { scratchFolder } from '../../scratch.ts'

const scratch = scratchFolder()
const seeded = Object.entries(
  JSON.parse(readFileSync(fixture('sound/models.json'), 'utf8')) as Record<
    string,
    { readonly audio_vae: object; readonly vocoder: object }
  >,
)

/** The same decoder with parts and contexts of other lengths. */
function parted(
  facts: SoundFacts,
  chunks: readonly number[],
  context?: readonly [number, number],
): SoundFacts {
  const [first, ...rest] = facts.decoder.map((graph, index) => ({
    ...graph,
    chunk: chunks[index]!,
    ...(context && { context }),
  }))
  return { ...facts, decoder: [first!, ...rest] }
}

test.each(seeded)('a sound of %s that is decoded in parts is that of one run', async (name, parts) => {
  const { facts, graphs, audioVae } = ltx2Sound(
    { folder: 'model', index: {}, components: { ...parts }, defaults: {} },
    1,
  )
  const sessions = new Map<string, Awaited<ReturnType<typeof openGraph>>>()
  for (const recipe of graphs) {
    const folder = path.join(scratch, name, recipe.component)
    await synthesizeWeights(tensorsOf([recipe], 'f32'), folder, { values: 'random' })
    const ledger = new WeightLedger(await openWeights(folder))
    sessions.set(recipe.name, await openGraph(recipe.build(ledger.graph(recipe.name), 'f32')))
  }
  let longest = 0
  const run: RunGraph = async (graph, feeds) => {
    longest = Math.max(longest, ...Object.values(feeds).map(({ shape }) => shape[1]!))
    return { tensors: await sessions.get(graph)!.run(feeds as Record<string, Tensor>), residents: {} }
  }
  const frames = 36
  const shape = [audioVae.latent_channels, frames, audioVae.mel_bins / 4]
  const latents = tensor('f32', shape, createGenerator(3).randn(elementCount(shape)))
  const whole = await decodeSound(parted(facts, [frames, 4 * frames]), latents, { run })
  expect(longest).toBe(4 * frames - 3)
  longest = 0
  const inParts = await decodeSound(parted(facts, [18, 72]), latents, { run })
  expect(inParts.shape).toEqual(whole.shape)
  expect(largestDifference(inParts.data, whole.data)).toBeLessThan(2e-5)
  expect(longest).toBeLessThan(4 * frames - 3)
  const blind = await decodeSound(parted(facts, [18, 72], [0, 0]), latents, { run })
  expect(largestDifference(blind.data, whole.data)).toBeGreaterThan(1e-3)
  for (const session of sessions.values()) await session.release()
})

/** The most that a run of the sound decoder of a published checkpoint holds beside its weights. */
async function memoryOf({ model, runsOf }: Awaited<ReturnType<typeof publishedDecoding>>, frames: number) {
  const names = model.facts.sound!.decoder.map(each => each.graph)
  const bytes = (await runsOf({ frames, width: 64, height: 64 }))
    .filter(run => names.includes(run.graph))
    .map(({ built, symbols, inputBytes, outputBytes }) => {
      return new LiveMemory(built, foldedValues(built)).peakBytes(symbols) + inputBytes + outputBytes
    })
  return Math.max(...bytes)
}

describe('what a run of a published sound decoder holds does not grow with the clip', () => {
  test.each(['ltx-2', 'ltx-2.3'])('%s', async name => {
    const decoding = await publishedDecoding(ltx2, name)
    const [short, long, longer] = [
      await memoryOf(decoding, 121),
      await memoryOf(decoding, 481),
      await memoryOf(decoding, 961),
    ]
    const shown = [short, long, longer].map(bytes => `${(bytes / 1e6).toFixed()} MB`)
    console.info(`${name}, sound of 121, 481 and 961 frames: ${shown.join(', ')} beside the weights`)
    expect(longer / long).toBeLessThan(1.1)
    expect(longer / short).toBeLessThan(1.5)
  })
})
