import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openWeights } from '../../../src/weights/checkpoint.ts'
import { readSafetensorsHeader } from '../../../src/weights/read-header.ts'
import { readTensor } from '../../../src/weights/safetensors.ts'
import { synthesizeWeights } from '../../../src/weights/sparse.ts'
import { fixture } from '../../fixtures.ts'
import { publishedComponents } from '../../published.ts'
import { failure, scratchFolder } from '../../scratch.ts'

const scratch = scratchFolder()

/** The tensor lists of published checkpoints by list and component; the one of names alone has no shapes. */
const published = readdirSync(fixture('published'))
  .map(file => file.replace(/\.json$/, ''))
  .filter(list => !list.endsWith('-original-names'))
  .flatMap(list =>
    Object.entries(publishedComponents(list)).map(([component, { tensors }]) => ({
      list,
      component,
      tensors,
    })),
  )

describe('synthesizeWeights', () => {
  test.each(published)(
    'makes $component of $list, sparse, in one file and in five',
    async ({ list, component, tensors }) => {
      // As text: to compare thousands of lists takes longer than all else.
      const described = (entries: Iterable<readonly [string, string, readonly number[]]>) =>
        Array.from(entries, ([key, dtype, shape]) => `${key}: ${dtype.toUpperCase()} [${shape}]`)
          .sort()
          .join('\n')
      const expected = described(Object.entries(tensors).map(([key, [dtype, shape]]) => [key, dtype, shape]))
      for (const shards of [1, 5]) {
        const folder = join(scratch, list, component, String(shards))
        await synthesizeWeights(tensors, folder, { shards })
        const weights = await openWeights(folder)
        const found = described([...weights.tensors].map(([key, { dtype, shape }]) => [key, dtype, shape]))
        expect(found).toBe(expected)
        expect(weights.files).toHaveLength(shards)
        const onDisk = weights.files.reduce((sum, path) => sum + statSync(path).blocks * 512, 0)
        expect(onDisk).toBeLessThan(2_000_000)
        expect(weights.bytes).toBeGreaterThan(100_000_000)
      }
    },
  )

  test('gives zeros to read', async () => {
    const folder = join(scratch, 'zeros')
    await synthesizeWeights({ x: ['F16', [3]], y: ['F8_E4M3', []] }, folder, { baseName: 'model' })
    const { tensors } = await readSafetensorsHeader(join(folder, 'model.safetensors'))
    expect(await readTensor(tensors.get('x')!)).toEqual({
      dtype: 'f16',
      shape: [3],
      data: new Uint16Array(3),
    })
    expect(await readTensor(tensors.get('y')!)).toEqual({
      dtype: 'f8e4m3',
      shape: [],
      data: new Uint8Array(1),
    })
  })

  test('leaves no shard empty when there are fewer tensors than shards', async () => {
    const folder = join(scratch, 'few')
    await synthesizeWeights({ x: ['F32', [3]], y: ['F32', [1]] }, folder, { shards: 7 })
    expect(readdirSync(folder).sort()).toEqual([
      'diffusion_pytorch_model-00001-of-00002.safetensors',
      'diffusion_pytorch_model-00002-of-00002.safetensors',
      'diffusion_pytorch_model.safetensors.index.json',
    ])
  })

  test('refuses a dtype that safetensors does not have', async () => {
    const { code, message } = await failure(synthesizeWeights({ x: ['FLOAT', [3]] }, join(scratch, 'bad')))
    expect(code).toBe('checkpoint/tensors')
    expect(message).toBe('x: expected a safetensors dtype, got FLOAT.')
  })
})
