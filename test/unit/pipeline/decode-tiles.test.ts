import { afterAll, describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { ltx } from '../../../models/ltx/family.ts'
import { requestFields } from '../../../src/api/request-fields.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { graphSource } from '../../../src/engine/graph-source.ts'
import { Lane } from '../../../src/engine/lane.ts'
import { builtInModel, resolveModel } from '../../../src/engine/model-name.ts'
import { decodeClip } from '../../../src/pipeline/decode.ts'
import type { ClipGraphs } from '../../../src/pipeline/family.ts'
import { planRequest } from '../../../src/pipeline/request.ts'
import { fadeIn, spansOf, tileOverlap } from '../../../src/pipeline/tiles.ts'
import { concatenate } from '../../../src/tensor/axis.ts'
import { elementCount } from '../../../src/tensor/dtype.ts'
import { createGenerator } from '../../../src/tensor/random.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { largestDifference } from '../../compare.ts'
import { ltxConfigs } from '../../contract/ltx-configs.ts'
import { fixture } from '../../fixtures.ts'
import { scratchFolder } from '../../scratch.ts'
import { writeSyntheticCheckpoint } from '../../synthetic-checkpoint.ts'
import { RecordedBackend } from '../engine/recorded-backend.ts'

const lanes: Lane[] = []
afterAll(async () => {
  for (const lane of lanes) await lane[Symbol.asyncDispose]()
})

/** The pictures of random latents, decoded whole and in tiles. */
async function decodedBothWays(folder: string, latentSize: readonly [number, number, number], tile: number) {
  const checkpoint = await openCheckpoint(folder, families)
  const source = graphSource(checkpoint, { device: { type: 'cpu' }, requested: undefined })
  const backend = new RecordedBackend({ device: { type: 'cpu' }, threads: 1 })
  const lane = new Lane(backend, source, 'keep')
  lanes.push(lane)
  const { model } = checkpoint
  const shape = [model.facts.latentChannels, ...latentSize]
  const latents = tensor('f32', shape, createGenerator(3n).randn(elementCount(shape)))
  const plan = planRequest({ prompt: '', tensors: true, seed: 1 }, model.facts, {
    fields: requestFields,
    randomSeed: () => 1n,
  })
  const decoded = async () => {
    const frames: Uint8Array[] = []
    const exact: Tensor[] = []
    const context = { latents, plan, noise: createGenerator(1n) }
    for await (const { tensors } of decodeClip(model, context, lane, new AbortController().signal)) {
      frames.push(tensors.frames!.data as Uint8Array)
      exact.push(tensors.decoded!)
    }
    return { frames: Buffer.concat(frames), exact: concatenate(exact, 0).data }
  }
  lane.applyMemoryPlan({ residency: 'keep', chunk: 1, tile: undefined }, [])
  const whole = await decoded()
  const wholeRuns = backend.runs(firstGraph(model.facts.decoder))
  backend.log.length = 0
  lane.applyMemoryPlan({ residency: 'keep', chunk: 1, tile }, [])
  return {
    whole,
    tiled: await decoded(),
    tiles: backend.runs(firstGraph(model.facts.tiledDecoder.rest)) / wholeRuns,
    backend,
  }
}

function firstGraph(graphs: ClipGraphs): string {
  return 'stages' in graphs ? graphs.stages[0]!.graph : graphs.first
}

const scratch = scratchFolder()

async function lookingAhead(): Promise<string> {
  const tokenizer = fixture('wan21-t2v/model/tokenizer')
  await writeSyntheticCheckpoint(scratch, { family: ltx, tokenizer, ...ltxConfigs })
  return scratch
}

// The smallest tiles that have more than what they share with the next.
describe('a clip that is decoded in tiles', () => {
  test.each([
    ['random weights', 4, [2, 14, 14], 13, async () => fixture('wan21-t2v/model')],
    ['trained weights', 2, [2, 14, 8], 13, async () => await resolveModel(builtInModel)],
    ['a decoder that looks ahead, with a timestep and noise', 2, [2, 4, 12], 11, lookingAhead],
  ] as const)('differs from the whole by less than 0.01, with %s', async (_, count, size, tile, folder) => {
    const { whole, tiled, tiles, backend } = await decodedBothWays(await folder(), size, tile)
    expect(tiles).toBe(count)
    const difference = largestDifference(whole.exact, tiled.exact)
    console.info(`largest difference of tiles: ${difference.toExponential(1)} of -1 to 1`)
    expect(difference).toBeLessThan(1e-2)
    expect(largestDifference(whole.frames, tiled.frames)).toBeLessThanOrEqual(2)
    expect(backend.residents.size).toBe(0)
  })
})

describe('tiles', () => {
  test('cover an axis, the last one ending where it does', () => {
    expect(spansOf(20, 24, 12)).toEqual([{ start: 0, end: 20 }])
    expect(spansOf(40, 24, 12)).toEqual([
      { start: 0, end: 24 },
      { start: 12, end: 36 },
      { start: 16, end: 40 },
    ])
    expect(spansOf(36, 24, 12)).toEqual([
      { start: 0, end: 24 },
      { start: 12, end: 36 },
    ])
  })

  test('count nothing in their context, then more and more, then fully', () => {
    const weights = fadeIn({ start: 12, end: 24 }, { start: 0, end: 18 }, 2, 2)
    expect([...weights.subarray(0, 4)]).toEqual([0, 0, 0, 0])
    expect([...weights.subarray(4, 8)]).toEqual([0.125, 0.375, 0.625, 0.875])
    expect(weights.subarray(8).every(weight => weight === 1)).toBe(true)
    expect(fadeIn({ start: 0, end: 4 }, undefined, 2, 1).every(weight => weight === 1)).toBe(true)
    expect(tileOverlap({ context: 2 })).toBe(6)
  })
})
