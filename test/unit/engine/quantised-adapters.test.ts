/** Adapters over weights that stay quantised. */
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { GenerateEvent } from '../../../src/index.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { relativeError } from '../../compare.ts'
import { keepSessionsOf } from '../../kept-backend.ts'
import { openKeptEngine } from '../../kept-engine.ts'
import { readFixtureTensors } from '../../safetensors-fixture.ts'
import { scratchFolder } from '../../scratch.ts'
import { writeSingleFileModel, writeTensors } from './single-file-model.ts'
import { tinyRequest } from './tiny-engine.ts'

const scratch = keepSessionsOf(scratchFolder())
const { comfy, transformer } = await writeSingleFileModel(scratch)

beforeEach(() => {
  vi.stubEnv('HF_HUB_CACHE', join(scratch, 'no-cache'))
  vi.stubEnv('FRAMEWRIGHT_HOME', join(scratch, 'no-home'))
})
afterEach(() => void vi.unstubAllEnvs())

const scale = 1 / 128

/** The transformer as 8-bit integers, and the same numbers as floats. */
async function twins(): Promise<readonly [quantised: string, floats: string]> {
  const files = ['int8', 'floats'].map(name => join(comfy, `diffusion_models/${name}.safetensors`))
  const stored = new Map<string, Tensor>()
  const plain = new Map<string, Tensor>()
  for (const [key, value] of readFixtureTensors(transformer)) {
    const whole = Int8Array.from(value.data as Float32Array, each => Math.round(each / scale))
    if (!/(?:attn|ffn)\..*weight$/.test(key) || value.shape.length !== 2) {
      stored.set(key, value)
      plain.set(key, value)
      continue
    }
    stored.set(key, tensor('i8', value.shape, whole))
    stored.set(`${key}_scale`, tensor('f32', [], Float32Array.of(scale)))
    plain.set(
      key,
      tensor(
        'f32',
        value.shape,
        Float32Array.from(whole, each => each * scale),
      ),
    )
  }
  await writeTensors(files[0]!, stored)
  await writeTensors(files[1]!, plain)
  return [files[0]!, files[1]!]
}

const values = (shape: number[], seed: number) =>
  tensor(
    'f32',
    shape,
    Float32Array.from(
      { length: shape.reduce((product, dim) => product * dim, 1) },
      (_, index) => Math.sin(index + seed) / 10,
    ),
  )

/** Low rank with alpha, whole differences of weights, biases, norms and modulation. */
async function adapter(metadata: Record<string, string> = {}): Promise<string> {
  const file = join(scratch, 'adapter.safetensors')
  const tensors: Record<string, Tensor> = {
    'lora_unet_blocks_0_self_attn_q.lora_down.weight': values([4, 128], 1),
    'lora_unet_blocks_0_self_attn_q.lora_up.weight': values([128, 4], 2),
    'lora_unet_blocks_0_self_attn_q.alpha': tensor('f32', [], Float32Array.of(2)),
    'diffusion_model.blocks.0.self_attn.k.diff': values([128, 128], 3),
    'diffusion_model.blocks.0.self_attn.k.diff_b': values([128], 4),
    'diffusion_model.blocks.0.self_attn.norm_q.diff': values([128], 5),
    'diffusion_model.blocks.0.norm3.diff': values([128], 6),
    'diffusion_model.blocks.0.norm3.diff_b': values([128], 7),
    'diffusion_model.blocks.0.diff_m': values([1, 6, 128], 8),
    'diffusion_model.head.head.diff_b': values([64], 9),
  }
  await writeSafetensors(file, new Map(Object.entries(tensors)), new Map(Object.entries(metadata)))
  return file
}

async function run(
  model: string,
  path?: string,
): Promise<{ latents: Float32Array; events: GenerateEvent[] }> {
  const adapters = path === undefined ? [] : [{ path, scale: 0.8 }]
  await using engine = await openKeptEngine({ model, adapters })
  const events: GenerateEvent[] = []
  for await (const event of engine.generate({ ...tinyRequest, steps: 1, tensors: true })) events.push(event)
  const step = events.find(event => event.type === 'step-end')
  return { latents: step!.tensors!.latents.data as Float32Array, events }
}

describe('an adapter', () => {
  test('changes quantised weights as it changes their floats', async () => {
    const [quantised, floats] = await twins()
    const path = await adapter()
    const adapted = await run(quantised, path)
    expect(relativeError(adapted.latents, (await run(floats, path)).latents)).toBeLessThan(1e-6)
    expect(relativeError(adapted.latents, (await run(quantised)).latents)).toBeGreaterThan(1e-4)
  })

  test('that says it is of a few-step model is offered its preset, which is not used', async () => {
    const path = await adapter({ ss_output_name: 'Wan2.2-Lightning_T2V-v1.1' })
    const { events } = await run(transformer, path)
    const notices = events.filter(event => event.type === 'notice' && event.code === 'adapter/few-steps')
    expect(notices).toMatchObject([
      {
        message: expect.stringMatching(
          /says it is lightning; --preset lightning runs it with 4 steps at 1000, /,
        ),
      },
    ])
    expect(events.filter(event => event.type === 'step-end')).toHaveLength(1)
  })
})
