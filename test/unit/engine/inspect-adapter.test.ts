import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { adapterText } from '../../../src/cli/inspect.ts'
import { inspectAdapter } from '../../../src/engine/inspect-adapter.ts'
import { type Tensor, tensor } from '../../../src/tensor/tensor.ts'
import { writeSafetensors } from '../../../src/weights/write-safetensors.ts'
import { scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()

function filled(value: number, ...shape: number[]): Tensor {
  return tensor('f32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value))
}

async function written(name: string, tensors: Readonly<Record<string, Tensor>>): Promise<string> {
  const file = join(folder, name)
  await writeSafetensors(file, new Map(Object.entries(tensors)))
  return file
}

describe('the report of an adapter', () => {
  test('has its ranks, alphas, modules, dtype and size', async () => {
    const file = await written('lora.safetensors', {
      'lora_unet_blocks_0_q.lora_down.weight': filled(0, 6, 8),
      'lora_unet_blocks_0_q.lora_up.weight': filled(0, 8, 6),
      'lora_unet_blocks_0_q.alpha': filled(1, 1),
      'lora_unet_blocks_0_k.lora_down.weight': filled(0, 4, 8),
      'lora_unet_blocks_0_k.lora_up.weight': filled(0, 8, 4),
      'lora_unet_blocks_0_norm.diff': filled(0, 8),
    })
    const report = await inspectAdapter(file)
    const { size } = await stat(file)
    expect(report).toMatchObject({ kind: 'lora', ranks: [4, 6], alphas: [1, 4], modules: 3, dtypes: ['f32'] })
    expect(report.scales).toEqual([1 / 6, 1])
    expect(report.bytes).toBe(size)
    const text = adapterText(report).split('\n')
    expect(text).toContainEqual(expect.stringMatching(/^rank +4, 6$/))
    expect(text).toContainEqual(expect.stringMatching(/^scale +0.1667, 1$/))
    expect(text).toContainEqual(expect.stringMatching(/^changes +3 modules$/))
  })

  test('has no rank where whole differences are all there is', async () => {
    const report = await inspectAdapter(
      await written('diff.safetensors', { 'blocks.0.q.diff': filled(0, 8) }),
    )
    expect(report).toMatchObject({ kind: 'differences', ranks: [], alphas: [], modules: 1 })
    expect(adapterText(report)).not.toMatch(/^(rank|alpha)/m)
  })

  test('is refused for the weights of a model, and for no file', async () => {
    const weights = await written('model.safetensors', { 'blocks.0.q.weight': filled(0, 8, 8) })
    await expect(inspectAdapter(weights)).rejects.toMatchObject({ code: 'checkpoint/tensors' })
    const none = inspectAdapter(join(folder, 'none.safetensors'))
    await expect(none).rejects.toMatchObject({ code: 'checkpoint/not-found' })
  })
})
