import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { wanDecoder } from '../../models/wan/vae.ts'
import { type WanVaeConfig, wanVaeConfig } from '../../models/wan/vae-config.ts'
import { wanEncoder } from '../../models/wan/vae-encoder.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { type OpenGraph, openGraph } from '../graph-session.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { framesFirst } from './references.ts'

const names = ['vae-wan21', 'vae-wan22']

/** The first frame's graph, and that of those that follow. */
interface Pair {
  readonly first: OpenGraph
  readonly next: OpenGraph
}

async function load(name: string) {
  const about = JSON.parse(await readFile(fixture(`modules/${name}/reference.json`), 'utf8'))
  const folder = path.join(fixture(`modules/${name}`), about.model)
  const config = wanVaeConfig.parse(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
  const ledger = new WeightLedger(await openWeights(folder))
  const graphs = {
    decoder: {
      first: wanDecoder(config, ledger.graph('decoder-first'), 'f32', 'first'),
      next: wanDecoder(config, ledger.graph('decoder-next'), 'f32', 'next'),
    },
    encoder: {
      first: wanEncoder(config, ledger.graph('encoder-first'), 'f32', 'first'),
      next: wanEncoder(config, ledger.graph('encoder-next'), 'f32', 'next'),
    },
  }
  ledger.assertAllUsed()
  const open = async ({ first, next }: (typeof graphs)['decoder'], capture: string): Promise<Pair> => {
    const captured = (graph: typeof first) => (graph.intermediates.has(capture) ? [capture] : [])
    return { first: await openGraph(first, captured(first)), next: await openGraph(next, captured(next)) }
  }
  return {
    config,
    decoder: await open(graphs.decoder, 'decoded'),
    encoder: await open(graphs.encoder, 'mode'),
    reference: readFixtureTensors(fixture(`modules/${name}/reference.safetensors`)),
    frames: about.frames as number[],
  }
}

describe.each(names)('%s', name => {
  const atHand = hasFixture(`modules/${name}/reference.safetensors`)
  let loaded: Awaited<ReturnType<typeof load>>
  beforeAll(async () => {
    if (atHand) loaded = await load(name)
  })
  afterAll(async () => {
    if (!atHand) return
    const { decoder, encoder } = loaded
    for (const graph of [decoder.first, decoder.next, encoder.first, encoder.next]) await graph.release()
  })

  test.skipIf(!atHand).each([1, 2, 100])(
    'decodes in chunks of %d latent frames to the frames of diffusers',
    async chunk => {
      const { config, decoder, reference, frames } = loaded
      for (const count of frames) {
        const key = `frames_${String(count).padStart(2, '0')}`
        const latents = normalized(reference.get(`${key}.decode_input`)!, config)
        const decoded = await runChunks(decoder, { name: 'latents', axis: 1, chunk }, latents, 'decoded')
        const expected = framesFirst(reference.get(`${key}.decoded`)!)
        expect(relativeError(decoded, expected)).toBeLessThan(1e-4)
      }
    },
  )

  test.skipIf(!atHand)('encodes to the mode of the posterior of diffusers', async () => {
    const { config, encoder, reference, frames } = loaded
    for (const count of frames) {
      const key = `frames_${String(count).padStart(2, '0')}`
      const input = reference.get(`${key}.input`)!
      const [, , t, h, w] = input.shape as number[]
      const pictures = tensor('f32', [t!, 3, h!, w!], framesFirst(input))
      const modes = await runChunks(encoder, { name: 'pictures', axis: 0, chunk: 4 }, pictures, 'mode')
      const mean = framesFirst(reference.get(`${key}.mean`)!)
      expect(relativeError(modes, mean)).toBeLessThan(1e-4)
      expect(config.z_dim).toBe(reference.get(`${key}.mean`)!.shape[1])
    }
  })
})

/** Runs the first entry along an axis, then the others in chunks; gives the captured results, frames first. */
async function runChunks(
  graphs: Pair,
  input: { name: string; axis: 0 | 1; chunk: number },
  source: Tensor,
  capture: string,
): Promise<Float32Array> {
  const total = source.shape[input.axis]!
  const parts: Float32Array[] = []
  let caches: Record<string, Tensor> = {}
  for (let start = 0; start < total; ) {
    const count = start === 0 ? 1 : Math.min(input.chunk, total - start)
    const feeds = { [input.name]: cut(source, input.axis, start, count), ...caches }
    const graph = start === 0 ? graphs.first : graphs.next
    const results = await graph.run(feeds)
    const part = results[capture]!
    parts.push(
      capture === 'mode'
        ? framesFirst({ ...part, shape: [1, ...part.shape] } as Tensor)
        : (part.data as Float32Array),
    )
    caches = Object.fromEntries(
      Object.entries(results).flatMap(([name, value]) =>
        name.endsWith('.next') ? [[name.slice(0, -5), value]] : [],
      ),
    )
    start += count
  }
  return Float32Array.from(parts.flatMap(part => [...part]))
}

function cut(source: Tensor, axis: 0 | 1, start: number, count: number): Tensor {
  const inner = source.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const outer = axis === 0 ? 1 : source.shape[0]!
  const length = source.shape[axis]!
  const data = new Float32Array(outer * count * inner)
  for (let row = 0; row < outer; row++) {
    const from = (row * length + start) * inner
    data.set((source.data as Float32Array).subarray(from, from + count * inner), row * count * inner)
  }
  return tensor(
    'f32',
    source.shape.map((dim, index) => (index === axis ? count : dim)),
    data,
  )
}

/** (x − mean) / std per channel: the fixtures hold latents as the VAE sees them. */
function normalized(source: Tensor, config: WanVaeConfig): Tensor {
  const [, channels, t, h, w] = source.shape as [number, number, number, number, number]
  const size = t * h * w
  const data = (source.data as Float32Array).map((value, index) => {
    const channel = Math.floor(index / size)
    return (value - config.latents_mean[channel]!) / config.latents_std[channel]!
  })
  return tensor('f32', [channels, t, h, w], data)
}
