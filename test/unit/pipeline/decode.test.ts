import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { graphSource } from '../../../src/engine/graph-source.ts'
import { Lane } from '../../../src/engine/lane.ts'
import { CancelledError } from '../../../src/errors.ts'
import type { ChunkResult } from '../../../src/pipeline/clip-graphs.ts'
import { runClip } from '../../../src/pipeline/clip-run.ts'
import { createGenerator } from '../../../src/tensor/random.ts'
import { float32Data, tensor } from '../../../src/tensor/tensor.ts'
import { fixture } from '../../fixtures.ts'
import { rejection } from '../../scratch.ts'
import { RecordedBackend } from '../engine/recorded-backend.ts'

const checkpoint = await openCheckpoint(fixture('wan21-t2v/model'), families)
const source = graphSource(checkpoint, { device: { type: 'cpu' }, requested: undefined })
const latentFrames = 7
const { num_res_blocks } = checkpoint.configs.components.vae as { readonly num_res_blocks: number }
/** Of the decoder, each with one cache: the ends 2, the middle 4, four levels of blocks with 2 each, doubling time 2. */
const causalConvolutions = 2 + 4 + 4 * (num_res_blocks + 1) * 2 + 2
const latents = tensor('f32', [16, latentFrames, 2, 3], createGenerator(3n).randn(16 * latentFrames * 2 * 3))

let backend: RecordedBackend
let lane: Lane
beforeAll(() => {
  backend = new RecordedBackend({ device: { type: 'cpu' }, threads: 1 })
  lane = new Lane(backend, source, 'keep')
})
afterAll(() => lane[Symbol.asyncDispose]())

function decode(chunk: number, options: { tensors?: boolean; signal?: AbortSignal; frames?: number } = {}) {
  const { tensors = false, signal = new AbortController().signal, frames = latentFrames } = options
  const cut =
    frames === latentFrames ? latents : tensor('f32', [16, frames, 2, 3], latents.data.slice(0, 96 * frames))
  return runClip({
    graphs: checkpoint.model.facts.decoder,
    input: { name: 'latents', tensor: cut, axis: 1 },
    outputs: tensors ? ['frames', 'decoded'] : ['frames'],
    feeds: {},
    chunk,
    run: lane.run,
    drop: residents => lane.drop(residents),
    signal,
  })
}

type Tensors = ChunkResult['tensors']

async function all(chunks: AsyncIterable<ChunkResult>): Promise<Tensors[]> {
  const list: Tensors[] = []
  for await (const { tensors } of chunks) list.push(tensors)
  return list
}

describe('a clip', () => {
  test('is the same frames, however it is cut into chunks', async () => {
    const [ones, twos, whole] = [await all(decode(1)), await all(decode(2)), await all(decode(100))]
    expect(ones.map(({ frames }) => frames!.shape[0])).toEqual([1, 4, 4, 4, 4, 4, 4])
    expect(twos.map(({ frames }) => frames!.shape[0])).toEqual([1, 8, 8, 8])
    expect(whole.map(({ frames }) => frames!.shape[0])).toEqual([1, 24])
    const pixels = (chunks: Tensors[]) =>
      Buffer.concat(chunks.map(({ frames }) => frames!.data as Uint8Array))
    expect(pixels(ones).equals(pixels(whole))).toBe(true)
    expect(pixels(twos).equals(pixels(whole))).toBe(true)
  })

  test('is RGB pictures of eight bits, and before rounding where that is asked for', async () => {
    for (const { frames, decoded } of await all(decode(4, { tensors: true }))) {
      expect(frames).toMatchObject({ dtype: 'u8', shape: [expect.any(Number), 16, 24, 3] })
      const exact = float32Data(decoded)
      expect(decoded!.shape).toEqual([frames!.shape[0], 3, 16, 24])
      // The same picture: channels last and whole numbers on one side, channels first on the other.
      const plane = 16 * 24
      for (let pixel = 0; pixel < plane; pixel++) {
        const level = Math.round((exact[pixel]! + 1) * 127.5)
        expect(Math.abs(level - Number(frames!.data[3 * pixel]))).toBeLessThanOrEqual(1)
      }
    }
    expect((await all(decode(4))).some(chunk => 'decoded' in chunk)).toBe(false)
  })

  test('of one latent frame is one frame', async () => {
    const chunks = await all(decode(4, { frames: 1 }))
    expect(chunks.map(({ frames }) => frames!.shape)).toEqual([[1, 16, 24, 3]])
  })
})

describe('what is kept on the device', () => {
  test('is the caches of one chunk, however long the clip, and nothing at the end', async () => {
    const kept: number[] = []
    for await (const _ of decode(1)) kept.push(backend.residents.size)
    const caches = Math.max(...kept)
    expect(kept).toHaveLength(latentFrames)
    // One chunk's caches, or two in the moment in which the next one's are there and the last one's not yet gone.
    expect(caches).toBeGreaterThan(0)
    expect(caches).toBeLessThanOrEqual(2 * backend.mostKept)
    expect(backend.mostKept).toBe(causalConvolutions)
    expect(backend.residents.size).toBe(0)
  })

  test('is freed when the caller stops', async () => {
    for await (const _ of decode(1)) break
    expect(backend.residents.size).toBe(0)
  })

  test('is freed when the caller aborts, and no further chunk runs', async () => {
    const controller = new AbortController()
    backend.log.length = 0
    const error = await rejection(
      (async () => {
        for await (const _ of decode(1, { signal: controller.signal })) controller.abort()
      })(),
    )
    expect(error).toBeInstanceOf(CancelledError)
    // The second chunk was under way when the first was given.
    expect(backend.log.filter(entry => entry.startsWith('run '))).toEqual([
      'run vae-decoder-first',
      'run vae-decoder-next',
    ])
    expect(backend.residents.size).toBe(0)
  })
})
