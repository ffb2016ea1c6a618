import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { graphSource } from '../../../src/engine/graph-source.ts'
import { publishedCheckpoint } from '../../../src/engine/published-checkpoint.ts'
import { CancelledError } from '../../../src/errors.ts'
import { dryRunDenoising } from '../../../src/pipeline/dry-run.ts'
import { encodeClip } from '../../../src/pipeline/encode.ts'
import type { LazyPictures, Model, RunGraph, VisualContext } from '../../../src/pipeline/family.ts'
import { planRequest } from '../../../src/pipeline/request.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'

const encoder = { first: 'first', next: 'next' }
const shape = [7, 3, 2, 2]
const pixels = Float32Array.from({ length: 84 }, (_, index) => (index >= 24 && index < 36 ? 0 : index + 1))
const zeroFrame = 2
const lazy: LazyPictures = {
  shape,
  picture: frame => (frame === zeroFrame ? undefined : pixels.subarray(frame * 12, (frame + 1) * 12)),
}

/** What each run is given of the clip. */
async function partsOf(pictures: Tensor | LazyPictures): Promise<Tensor[]> {
  const parts: Tensor[] = []
  const run: RunGraph = async (_, feeds) => {
    parts.push(feeds.pictures as Tensor)
    return { tensors: { latents: tensor('f32', [1, 1, 1, 1], new Float32Array(1)) }, residents: {} }
  }
  const { signal } = new AbortController()
  await encodeClip({ encoder, temporalStride: 4, chunk: 1, pictures, run, signal, drop: async () => {} })
  return parts
}

describe('pictures that are made as they are encoded', () => {
  test('are the same, chunk by chunk, as those of a tensor', async () => {
    const parts = await partsOf(lazy)
    expect(parts.map(part => part.shape[0])).toEqual([1, 4, 2])
    expect(parts).toEqual(await partsOf(tensor('f32', shape, pixels)))
  })

  test('are encoded no further once the signal has aborted', async () => {
    const controller = new AbortController()
    const graphs: string[] = []
    const run: RunGraph = async graph => {
      graphs.push(graph)
      controller.abort()
      return { tensors: { latents: tensor('f32', [1, 1, 1, 1], new Float32Array(1)) }, residents: {} }
    }
    const settings = { encoder, temporalStride: 4, chunk: 1, run, drop: async () => {} }
    const encoding = encodeClip({ ...settings, pictures: lazy, signal: controller.signal })
    await expect(encoding).rejects.toThrow(CancelledError)
    expect(graphs).toEqual(['first'])
  })

  test('are not made while a request is planned', async () => {
    const family = families.find(({ name }) => name === 'wan')!
    const download = family.downloads!.find(({ model }) => model.includes('vace'))!
    const checkpoint = await publishedCheckpoint(download, family, families)
    const { model, fields } = checkpoint
    const size = { width: 256, height: 128, frames: 9 }
    const request = { ...size, prompt: 'a cat', video: 'clip.mp4', mask: 'mask.png' }
    const plan = planRequest(request, model.facts, { fields, randomSeed: () => 0n })
    const encoded: (readonly number[])[] = []
    const refusing = (encode: VisualContext['encode']): VisualContext['encode'] => {
      return (pictures, feeds) => {
        encoded.push(pictures.shape)
        const picture = () => {
          throw new Error('expected no pixels to be asked for')
        }
        return encode({ shape: pictures.shape, picture }, feeds)
      }
    }
    const watched: Model = {
      ...model,
      conditionText: async ({ prompts }) => prompts.map(() => ({ feeds: [{}], tokens: 0, truncated: false })),
      conditionVisual: (inputs, context) =>
        model.conditionVisual(inputs, { ...context, encode: refusing(context.encode) }),
    }
    const source = graphSource(checkpoint, { device: { type: 'cpu' }, requested: undefined })
    const runs = await dryRunDenoising(watched, plan, source, 1)
    expect(encoded).toEqual([
      [9, 3, 128, 256],
      [9, 3, 128, 256],
    ])
    expect(runs.length).toBeGreaterThan(4)
  })
})
