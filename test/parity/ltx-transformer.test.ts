import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { ltxTransformerConfig } from '../../models/ltx/config.ts'
import { ltxContext } from '../../models/ltx/context.ts'
import { causalSeconds, evenSeconds, ltxRotaryTables } from '../../models/ltx/rotary.ts'
import { ltxTransformer } from '../../models/ltx/transformer.ts'
import { memoize } from '../../src/memoize.ts'
import { modelWidth } from '../../src/nn/model-width.ts'
import type { GraphTarget } from '../../src/runtime/backend.ts'
import { concatenate } from '../../src/tensor/axis.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { WeightLedger } from '../../src/weights/scope.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture, isFixture } from '../fixtures.ts'
import { graphRunner } from '../graph-session.ts'
import { float32Of, readFixtureTensors } from '../safetensors-fixture.ts'

const runGraph = graphRunner()

/** Pixels and frames a latent. */
const spatialStride = 32
const temporalStride = 8

const cases = ['ltx-video', 'ltx-condition'].flatMap(folder =>
  [1, 2, 3, 4, 5, 6]
    .map(number => `${folder}/case-${number}`)
    .filter(name => isFixture(`${name}.safetensors`) && hasFixture(`${folder}/model/transformer`)),
)

/** The graphs of a model's transformer. */
const graphsOf = memoize(
  async ({ folder, target }: { readonly folder: string; readonly target: GraphTarget }) => {
    const config = ltxTransformerConfig.parse(JSON.parse(await readFile(`${folder}/config.json`, 'utf8')))
    const ledger = new WeightLedger(await openWeights(folder))
    const context = ltxContext(config, ledger.graph('context'), 'f32', target)
    const transformer = ltxTransformer(config, ledger.graph('transformer'), 'f32', target)
    ledger.assertAllUsed()
    return { config, context, transformer }
  },
  key => JSON.stringify(key),
)

async function load(name: string, target: GraphTarget = {}) {
  const about = JSON.parse(await readFile(fixture(`${name}.json`), 'utf8'))
  const recorded = readFixtureTensors(fixture(`${name}.safetensors`))
  const folder = fixture(`${name.split('/')[0]}/model/transformer`)
  const graphs = await graphsOf({ folder, target })
  const height = about.call.height / spatialStride
  const width = about.call.width / spatialStride
  const extra = Number(recorded.get('num_extra_tokens')?.data[0] ?? 0) / (height * width)
  const frames = (about.call.num_frames - 1) / temporalStride + 1
  const seconds = secondsOf(about, frames, extra)
  const rotary = ltxRotaryTables({ seconds, height, width, spatialStride, dim: modelWidth(graphs.config) })
  const branches = recorded.has('negative_prompt_embeds') ? ['negative_', ''] : ['']
  const grid = { frames: frames + extra, height, width, pixels: height * width }
  return {
    ...graphs,
    recorded,
    grid,
    seconds,
    rotary,
    branches,
    steps: about.step_models.length,
  }
}

interface About {
  readonly pipeline: string
  readonly call: { readonly frame_rate?: number }
  readonly inputs: { readonly conditions?: readonly { readonly frame_index: number }[] }
}

/** When the latent frames are; those of a condition that is not at the start come before the clip's own. */
function secondsOf({ pipeline, call, inputs }: About, frames: number, extra: number): Float32Array {
  const timing = { temporalStride, fps: call.frame_rate ?? 25 }
  if (pipeline === 'LTXPipeline') return evenSeconds({ ...timing, frames })
  const start = inputs.conditions?.find(condition => condition.frame_index > 0)?.frame_index
  const before = causalSeconds({ ...timing, frames: extra }, start)
  return Float32Array.from([...before, ...causalSeconds({ ...timing, frames })])
}

/** Packed tokens [1, frames·pixels, channels] → [channels, frames, pixels], and back. */
function unpacked(rows: Float32Array, channels: number): Float32Array {
  return transposed(rows, rows.length / channels, channels)
}
function packed(latents: Float32Array, channels: number): Float32Array {
  return transposed(latents, channels, latents.length / channels)
}
function transposed(source: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(
    { length: source.length },
    (_, i) => source[(i % rows) * columns + Math.floor(i / rows)]!,
  )
}

function stacked(parts: readonly Tensor[]): Tensor {
  const data = parts.flatMap(part => [...(part.data as Float32Array)])
  return tensor('f32', [parts.length, ...parts[0]!.shape.slice(1)], Float32Array.from(data))
}

/** Every latent frame's timestep, for every branch; the recorded ones are by token, or one for all. */
function timestepsOf(
  source: Tensor,
  branches: number,
  { frames, pixels }: { frames: number; pixels: number },
) {
  const each = source.data.length / branches
  return Float32Array.from({ length: branches * frames }, (_, index) => {
    const [branch, frame] = [Math.floor(index / frames), index % frames]
    return Number(source.data[branch * each + (each === 1 ? 0 : frame * pixels)])
  })
}

function tableFeeds(tables: ReturnType<typeof ltxRotaryTables>, batch: number) {
  const repeated = (table: Tensor<'f32'>) => concatenate(new Array<Tensor>(batch).fill(table), 0)
  return { 'rotary.cos': repeated(tables.cos), 'rotary.sin': repeated(tables.sin) }
}

const step = (index: number) => `step_${String(index).padStart(3, '0')}`

describe.each(cases)('%s', name => {
  test.each<GraphTarget>([{}, { residentsInPlace: true }])(
    'the transformer gives the velocity of diffusers at every step, both branches in one batch (%o)',
    async target => {
      const { recorded, config, context, transformer, grid, rotary, branches, steps } = await load(
        name,
        target,
      )
      const batch = branches.length
      const text = stacked(branches.map(branch => recorded.get(`${branch}prompt_embeds`)!))
      const tokens = branches.map(branch => countOnes(recorded.get(`${branch}attention_mask`)!))
      const seen = await runGraph(context, { text })
      const shape = [config.in_channels, grid.frames, grid.height, grid.width]
      for (let index = 0; index < steps; index++) {
        const latents = tensor(
          'f32',
          [1, ...shape],
          unpacked(float32Of(recorded, `${step(index)}.model_input`), config.in_channels),
        )
        const { velocity } = await runGraph(transformer, {
          ...seen,
          ...tableFeeds(rotary, batch),
          latents: stacked(branches.map(() => latents)),
          timestep: tensor(
            'f32',
            [batch, grid.frames],
            timestepsOf(recorded.get(`${step(index)}.timestep`)!, batch, grid),
          ),
          'text.tokens': tensor('i32', [batch], Int32Array.from(tokens)),
        })
        const size = velocity!.data.length / batch
        for (const [row, branch] of branches.entries()) {
          const result = packed(
            (velocity!.data as Float32Array).subarray(row * size, (row + 1) * size),
            config.in_channels,
          )
          const expected = float32Of(recorded, `${step(index)}.noise_pred_${branch ? 'uncond' : 'cond'}`)
          expect(relativeError(result, expected)).toBeLessThan(1e-5)
        }
      }
    },
  )

  test.runIf(name.startsWith('ltx-condition/') && !name.endsWith('6'))(
    'latent frames are where diffusers puts them',
    async () => {
      const { recorded, grid, seconds } = await load(name)
      const coordinates = float32Of(recorded, 'video_coords')
      const tokens = grid.frames * grid.pixels
      for (let token = 0; token < tokens; token++) {
        expect(coordinates[token]).toBe(seconds[Math.floor(token / grid.pixels)])
      }
    },
  )
})

function countOnes(mask: Tensor): number {
  return (mask.data as BigInt64Array).filter(value => value === 1n).length
}

test.runIf(cases.length > 0)('rows of padding can be left out of the prompt', async () => {
  const { recorded, config, context, transformer, grid, rotary } = await load('ltx-condition/case-6')
  const text = recorded.get('prompt_embeds')! as Tensor<'f32'>
  const tokens = countOnes(recorded.get('attention_mask')!)
  const width = text.shape[2]!
  expect(tokens).toBeLessThan(text.shape[1]!)
  const run = async (source: Tensor) => {
    const { velocity } = await runGraph(transformer, {
      ...(await runGraph(context, { text: source })),
      ...tableFeeds(rotary, 1),
      latents: tensor(
        'f32',
        [1, config.in_channels, grid.frames, grid.height, grid.width],
        unpacked(float32Of(recorded, 'step_000.model_input'), config.in_channels),
      ),
      timestep: tensor('f32', [1, grid.frames], new Float32Array(grid.frames).fill(1000)),
      'text.tokens': tensor('i32', [1], Int32Array.of(tokens)),
    })
    return velocity!.data as Float32Array
  }
  const trimmed = tensor('f32', [1, tokens, width], text.data.slice(0, tokens * width))
  expect(relativeError(await run(trimmed), await run(text))).toBeLessThan(1e-6)
})

test('a width that cannot be cut into pairs for three axes is refused', () => {
  const options = { seconds: new Float32Array(1), height: 1, width: 1, spatialStride }
  expect(() => ltxRotaryTables({ ...options, dim: 33 })).toThrow(RangeError)
  expect(() => ltxRotaryTables({ ...options, dim: 6 })).toThrow(RangeError)
  expect(ltxRotaryTables({ ...options, dim: 32 }).cos.shape).toEqual([1, 1, 16])
})
