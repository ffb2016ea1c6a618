import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { ltx } from '../../../models/ltx/family.ts'
import { type LtxVaeConfig, ltxVaeConfig } from '../../../models/ltx-vae/config.ts'
import { decoderStages, injectedNoiseSizes } from '../../../models/ltx-vae/decoder.ts'
import { ltxDecoderStage } from '../../../models/ltx-vae/vae.ts'
import { ltx2VaeConfig } from '../../../models/ltx2/config.ts'
import { ltx2 } from '../../../models/ltx2/family.ts'
import type { Symbols } from '../../../src/graph/cost.ts'
import { foldedValues } from '../../../src/graph/folded-values.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import { LiveMemory, sizesOf } from '../../../src/graph/live-memory.ts'
import { wantedTensors } from '../../../src/graph/wanted-tensors.ts'
import type { Family } from '../../../src/pipeline/family.ts'
import { elementCount } from '../../../src/tensor/dtype.ts'
import { createGenerator } from '../../../src/tensor/random.ts'
import { tensor } from '../../../src/tensor/tensor.ts'
import { openWeights } from '../../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../../src/weights/scope.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { largestDifference } from '../../compare.ts'
import { ltxConfigs } from '../../contract/ltx-configs.ts'
import { ltx2Configs } from '../../contract/ltx2-configs.ts'
import { graphRunner } from '../../graph-session.ts'
import { decodeInParts } from '../../ltx-decoding.ts'
import { publishedDecoding } from '../../published-decoding.ts'
import { scratchFolder } from '../../scratch.ts'
import { randomTensors } from '../../synthetic-checkpoint.ts'

const scratch = scratchFolder()
const runGraph = graphRunner()
const normal = (shape: readonly number[], seed: number) =>
  tensor('f32', shape, createGenerator(seed).randn(elementCount(shape)))

/** The stages of a decoder with small random weights. */
async function synthetic(name: string, config: LtxVaeConfig) {
  const build = (weights: Parameters<typeof ltxDecoderStage>[2], index: number) =>
    ltxDecoderStage(config, index, weights, 'f32')
  const wanted = wantedTensors(weights => {
    for (const index of decoderStages(config).keys()) build(weights, index)
  })
  const folder = path.join(scratch, name)
  await mkdir(folder)
  await writeSafetensors(path.join(folder, 'diffusion_pytorch_model.safetensors'), randomTensors(wanted))
  const ledger = new WeightLedger(await openWeights(folder))
  const stages = decoderStages(config).map((_, index) => build(ledger.graph(`stage ${index}`), index))
  return { config, stages }
}

function feedsFor(config: LtxVaeConfig, shape: readonly [number, number, number, number]) {
  if (!config.timestep_conditioning) return {}
  const [, , height, width] = shape
  const injected = injectedNoiseSizes(config, { height, width }).map((size, index) => {
    return [`injected.${index}`, normal(size, 20 + index)] as const
  })
  return {
    timestep: tensor('f32', [1], Float32Array.of(0.05)),
    noise: normal(shape, 7),
    'noise.scale': tensor('f32', [1], Float32Array.of(0.1)),
    ...Object.fromEntries(injected),
  }
}

const small = ltx2Configs.components.vae
const residual = {
  ...small,
  decoder_block_out_channels: [8, 8, 16],
  decoder_layers_per_block: [2, 1, 1, 2],
  decoder_spatio_temporal_scaling: [true, true, true],
  decoder_inject_noise: [false, false, false, false],
  upsample_type: ['spatiotemporal', 'spatiotemporal', 'spatiotemporal'],
  upsample_residual: [true, true, true],
  upsample_factor: [2, 1, 2],
  decoder_spatial_padding_mode: 'reflect',
}

const decoders: Record<string, LtxVaeConfig> = {
  'LTX-2: shortcuts around changes of size, mirrored edges': ltx2VaeConfig.parse(residual),
  'LTX-2.3: time and space apart': ltx2VaeConfig.parse(small),
  'LTX-Video with timesteps and noise': ltxVaeConfig.parse({
    ...ltxConfigs.components.vae,
    decoder_inject_noise: [true, true, false, true],
  }),
  'LTX-Video 0.9.0: levels that narrow and one of no change': ltxVaeConfig.parse({
    latent_channels: 4,
    decoder_block_out_channels: [4, 8, 8, 16],
    decoder_layers_per_block: [1, 1, 1, 1, 1],
    upsample_factor: [1, 1, 1, 1],
  }),
  'one that sees no frame ahead': ltx2VaeConfig.parse({ ...small, decoder_causal: true }),
}

describe('a decoder whose frames come in parts', () => {
  test.each(Object.entries(decoders))('gives the frames of one run: %s', async (name, config) => {
    const vae = await synthetic(name.slice(0, 12).replaceAll(/\W/g, ''), config)
    for (const count of [1, 2, 9]) {
      const shape = [config.latent_channels, count, 2, 2] as const
      const given = { latents: normal(shape, count), feeds: feedsFor(config, shape), runGraph }
      const whole = await decodeInParts(vae, { ...given, chunk: count })
      expect(whole.decoded.data.every(Number.isFinite)).toBe(true)
      for (const chunk of [1, 3]) {
        const parts = await decodeInParts(vae, { ...given, chunk })
        expect(parts.decoded.shape).toEqual(whole.decoded.shape)
        expect(largestDifference(parts.decoded.data, whole.decoded.data)).toBeLessThan(2e-5)
        expect(largestDifference(parts.frames, whole.frames)).toBeLessThanOrEqual(1)
        if (count === 9) expect(parts.sizes.length).toBeGreaterThan(2)
        expect(parts.held).toBe(0)
      }
    }
  })

  test('the frames of a random clip differ from each other', async () => {
    const config = decoders['LTX-2.3: time and space apart']!
    const latents = normal([config.latent_channels, 3, 2, 3], 1)
    const { decoded } = await decodeInParts(await synthetic('apart', config), {
      latents,
      feeds: {},
      chunk: 1,
      runGraph,
    })
    const size = decoded.data.length / decoded.shape[0]!
    const frame = (index: number) => decoded.data.subarray(index * size, (index + 1) * size)
    expect(largestDifference(frame(4), frame(5))).toBeGreaterThan(1e-2)
  })
})

/** Tells what decoding takes of memory at a number of frames, from the shapes of the published graphs. */
async function memoryOf(family: Family, name: string) {
  const { runsOf } = await publishedDecoding(family, name)
  // Most runs of a clip, and of clips of all lengths, have the same shapes.
  const known = new Map<string, { readonly elements: number; readonly peak: number }>()
  const measured = (name: string, graph: Graph, symbols: Symbols) => {
    const key = JSON.stringify([name, symbols])
    const found = known.get(key) ?? {
      elements: largestActivation(graph, symbols),
      peak: new LiveMemory(graph, foldedValues(graph)).peakBytes(symbols),
    }
    known.set(key, found)
    return found
  }
  return async (frames: number) => {
    const sound = family === ltx2 && { audio: false }
    const runs = await runsOf({ frames, width: 384, height: 256, ...sound })
    const ofRuns = runs.map(({ built, ...run }) => {
      const { elements, peak } = measured(run.graph, built, run.symbols)
      return { elements, bytes: peak + run.inputBytes + run.outputBytes + run.keptBytes }
    })
    return {
      elements: Math.max(...ofRuns.map(({ elements }) => elements)),
      bytes: Math.max(...ofRuns.map(({ bytes }) => bytes)),
    }
  }
}

/** Elements of the largest tensor of a run that is no weight and does not follow from weights alone. */
function largestActivation(graph: Graph, symbols: Symbols): number {
  const folded = foldedValues(graph)
  const sizes = sizesOf(graph, symbols)
  const names = graph.nodes.flatMap(({ outputs }) => outputs.filter(name => !folded.has(name)))
  return Math.max(...names.map(name => elementCount(sizes.shape(name))))
}

describe('what a run of a published decoder holds does not grow with the clip', () => {
  test.each([
    ['ltx-video-0.9.1', ltx],
    ['ltx-2', ltx2],
    ['ltx-2.3', ltx2],
  ] as const)('%s', async (name, family) => {
    const at = await memoryOf(family, name)
    const [short, long, longer] = [await at(121), await at(481), await at(961)]
    const shown = [short, long, longer].map(({ bytes }) => `${(bytes / 1e6).toFixed()} MB`)
    console.info(`${name}, 384x256, 121, 481 and 961 frames: ${shown.join(', ')} beside the weights`)
    expect([short.elements, long.elements]).toEqual([longer.elements, longer.elements])
    expect(longer.bytes).toBe(long.bytes)
    // In a short clip the first stages are done before the last ones begin.
    expect(long.bytes / short.bytes).toBeLessThan(1.25)
  })
})
