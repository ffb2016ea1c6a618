/** The VAEs of Wan and HunyuanVideo with our kernels and without them, through the native backend on a CPU. */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { hunyuanVaeConfig } from '../../models/hunyuan15/config.ts'
import { hunyuanDecoder } from '../../models/hunyuan15/vae.ts'
import { wanDecoder } from '../../models/wan/vae.ts'
import { wanVaeConfig } from '../../models/wan/vae-config.ts'
import { wanEncoder } from '../../models/wan/vae-encoder.ts'
import type { Graph } from '../../src/graph/graph.ts'
import type { WeightSource } from '../../src/graph/scope.ts'
import { serialize } from '../../src/graph/serialize.ts'
import { wantedTensors } from '../../src/graph/wanted-tensors.ts'
import type { GraphTarget } from '../../src/pipeline/family.ts'
import { NativeBackend } from '../../src/runtime/native-backend.ts'
import { builtKernels } from '../../src/runtime/native-parts.ts'
import { elementCount } from '../../src/tensor/dtype.ts'
import { createGenerator } from '../../src/tensor/random.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'
import { relativeError } from '../compare.ts'
import { buildAddon, noAddon } from '../contract/native-addon.ts'
import { scratchFolder } from '../scratch.ts'
import { randomTensors } from '../synthetic-checkpoint.ts'
import { buildKernels, noKernels } from './kernel-library.ts'

const scratch = scratchFolder()
const missing = noKernels ?? noAddon

const small = {
  base_dim: 8,
  z_dim: 4,
  dim_mult: [1, 2, 2],
  num_res_blocks: 1,
  temperal_downsample: [false, true],
}
const statistics = { latents_mean: [0, 0, 0, 0], latents_std: [1, 1, 1, 1], scale_factor_spatial: 4 }
const patches = { is_residual: true, patch_size: 2, in_channels: 12, out_channels: 12 }
const configs = {
  'Wan 2.1': wanVaeConfig.parse({ ...small, ...statistics, scale_factor_temporal: 2 }),
  'Wan 2.2': wanVaeConfig.parse({
    ...small,
    ...statistics,
    ...patches,
    scale_factor_temporal: 2,
    scale_factor_spatial: 8,
  }),
}

const hunyuan = hunyuanVaeConfig.parse({
  latent_channels: 4,
  block_out_channels: [8, 16, 16],
  layers_per_block: 1,
  spatial_compression_ratio: 4,
  temporal_compression_ratio: 2,
})

type Chunk = 'first' | 'next'
type Coder = (weights: WeightSource, chunk: Chunk, target?: GraphTarget) => Graph

function noise(shape: readonly number[], seed: bigint): Tensor<'f32'> {
  return tensor('f32', shape, createGenerator(seed).randn(elementCount(shape)))
}

/** What the first chunk and a later one give, by the name of an output. */
async function runChunks(
  build: (chunk: Chunk) => Graph,
  feeds: Readonly<Record<Chunk, Record<string, Tensor>>>,
  output: string,
) {
  await using backend = new NativeBackend({ device: { type: 'cpu' }, threads: 1, kernels: builtKernels() })
  const found: Float32Array[] = []
  let caches: Record<string, Tensor> = {}
  for (const chunk of ['first', 'next'] as const) {
    const graph = build(chunk)
    const bytes = serialize(graph, { locate: file => file.slice(1) })
    const session = await backend.open({ name: graph.name, bytes, weightsFolder: '/', weightBytes: 0 })
    const { tensors } = await session.run({ ...feeds[chunk], ...caches })
    found.push(tensors[output]!.data as Float32Array)
    caches = Object.fromEntries(
      Object.entries(tensors).flatMap(([name, value]) =>
        name.endsWith('.next') ? [[name.slice(0, -'.next'.length), value]] : [],
      ),
    )
  }
  return found
}

describe.skipIf(missing)(`with our kernels${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(async () => {
    await Promise.all([buildAddon(), buildKernels()])
  })

  const ofHunyuan = {
    name: 'the decoder of HunyuanVideo 1.5',
    coder: ((weights, chunk, target) => hunyuanDecoder(hunyuan, weights, 'f32', chunk, target)) as Coder,
    output: 'decoded',
    feeds: { first: { latents: noise([4, 1, 6, 7], 5n) }, next: { latents: noise([4, 1, 6, 7], 6n) } },
  }
  const ofWan = Object.entries(configs).flatMap(([name, config]) => {
    const pixels = 8 * config.scale_factor_spatial
    const decoder: Coder = (weights, chunk, target) => wanDecoder(config, weights, 'f32', chunk, target)
    const encoder: Coder = (weights, chunk, target) => wanEncoder(config, weights, 'f32', chunk, target)
    return [
      {
        name: `the decoder of ${name}`,
        coder: decoder,
        output: 'decoded',
        feeds: { first: { latents: noise([4, 1, 8, 8], 1n) }, next: { latents: noise([4, 2, 8, 8], 2n) } },
      },
      {
        name: `the encoder of ${name}`,
        coder: encoder,
        output: 'latents',
        feeds: {
          first: { pictures: noise([1, 3, pixels, pixels], 3n) },
          next: { pictures: noise([4, 3, pixels, pixels], 4n) },
        },
      },
    ]
  })

  test.each([...ofWan, ofHunyuan])(
    '$name gives in every chunk what it gives without',
    async ({ name, coder, output, feeds }) => {
      const file = path.join(scratch, name, 'model.safetensors')
      const wanted = wantedTensors(weights => {
        for (const chunk of ['first', 'next'] as const) coder(weights, chunk)
      })
      await mkdir(path.dirname(file))
      await writeSafetensors(file, randomTensors(wanted))
      const weights = await openWeights(path.dirname(file))
      const { kernels } = builtKernels()!
      const [own, reference] = [{ kernels }, {}].map(target => {
        return (chunk: Chunk) => coder(new WeightLedger(weights).graph(chunk), chunk, target)
      }) as [(chunk: Chunk) => Graph, (chunk: Chunk) => Graph]
      const norms = own('next').nodes.filter(({ op }) => op === 'NormSiluWindows')
      expect(norms.length).toBeGreaterThan(8)
      const found = await runChunks(own, feeds, output)
      const expected = await runChunks(reference, feeds, output)
      for (const [at, values] of found.entries()) {
        expect(values.length).toBe(expected[at]!.length)
        expect(relativeError(values, expected[at]!)).toBeLessThan(1e-5)
      }
    },
  )
})
