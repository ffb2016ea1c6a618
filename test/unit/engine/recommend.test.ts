/** Which published models fit a memory, from their shapes alone. */
import { describe, expect, test, vi } from 'vitest'
import { families } from '../../../models/index.ts'
import { wan } from '../../../models/wan/family.ts'
import { withLayers } from '../../../src/benchmark/synthetic.ts'
import { type ComponentShapes, publishedCheckpoint } from '../../../src/engine/published-checkpoint.ts'
import { recommendModels } from '../../../src/engine/recommend.ts'
import type { Family } from '../../../src/pipeline/family.ts'

/** The graphs that tell the shapes of components are built once. */
const known: ComponentShapes = new Map()
const downloads = families.flatMap(family => (family.downloads ?? []).map(each => ({ family, each })))

describe('every download', () => {
  test.each(
    downloads.map(
      ({ family, each }) => [each.title, Object.values(each.parts)[0]!.id, family, each] as const,
    ),
  )('%s, %s, is of a published model, in names that can be pulled', (_, __, family, { model, parts }) => {
    expect(family.published.map(({ name }) => name)).toContain(model)
    for (const { id } of Object.values(parts)) {
      expect(id).toMatch(/^[\w.-]+\/[\w.-]+(?:\/.+\.(?:safetensors|gguf))?$/)
    }
  })
})

test('a download takes the bytes that its files have', async () => {
  const bytesOf = async (title: string, format: string) => {
    const { family, each } = downloads.find(
      ({ each: { title: name, parts } }) => name === title && parts.transformer?.format === format,
    )!
    const { weights } = await publishedCheckpoint(each, family, families, { known })
    return weights.get('transformer')!.bytes / 1e9
  }
  // As their pages on the hub say, in GB.
  expect(await bytesOf('Wan 2.1 T2V 14B', 'f16')).toBeCloseTo(28.6, 0)
  expect(await bytesOf('Wan 2.1 T2V 14B', 'fp8')).toBeCloseTo(14.3, 0)
  expect(await bytesOf('Wan 2.1 T2V 14B', 'Q8_0')).toBeGreaterThan(14.9)
  expect(await bytesOf('Wan 2.1 T2V 14B', 'Q8_0')).toBeLessThan(16)
  expect(await bytesOf('Wan 2.1 T2V 14B', 'Q4_K_M')).toBeGreaterThan(8.5)
  expect(await bytesOf('Wan 2.1 T2V 14B', 'Q4_K_M')).toBeLessThan(10.2)
})

describe('a recommendation', () => {
  const on = (memory: number, device: string, of: readonly Family[], all = false) =>
    recommendModels({ device, memory, size: '480x320', frames: 33, all }, of, known)

  /** The family with the downloads of some of its models. */
  const only = (...titles: readonly string[]): Family => {
    return { ...wan, downloads: wan.downloads!.filter(({ title }) => titles.includes(title)) }
  }

  test('names what fits alone, the largest first, with commands that fetch it', async () => {
    const { device, free, models } = await on(24e9, 'cpu', [only('Wan 2.1 T2V 14B', 'Wan 2.1 T2V 1.3B')])
    expect({ device, free }).toEqual({ device: 'cpu', free: 24e9 })
    const names = models.map(({ title, format }) => `${title} ${format}`)
    expect(names).toContain('Wan 2.1 T2V 14B Q4_K_M')
    expect(names).toContain('Wan 2.1 T2V 1.3B f16')
    expect(names).not.toContain('Wan 2.1 T2V 14B f16')
    expect(names.indexOf('Wan 2.1 T2V 14B Q4_K_M')).toBeLessThan(names.indexOf('Wan 2.1 T2V 1.3B f16'))
    for (const each of models) {
      expect(each).toMatchObject({ fits: true, width: 480, height: 320, frames: 33 })
      expect(each.memoryBytes).toBeLessThanOrEqual(24e9)
      expect(each.pull.length).toBeGreaterThan(0)
    }
    const found = models.find(({ title, format }) => `${title} ${format}` === 'Wan 2.1 T2V 14B Q4_K_M')!
    expect(found.pull).toEqual([
      'framewright models pull city96/Wan2.1-T2V-14B-gguf/wan2.1-t2v-14b-Q4_K_M.gguf',
      'framewright models pull Comfy-Org/Wan_2.1_ComfyUI_repackaged/split_files/text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors',
      'framewright models pull Comfy-Org/Wan_2.1_ComfyUI_repackaged/split_files/vae/wan_2.1_vae.safetensors',
    ])
  })

  test('is empty where nothing fits, and everything on request', async () => {
    // What is built for a layer is built for each: two stand for all. The text encoders alone are larger.
    const shallow = families.map(family => {
      return { ...family, published: family.published.map(model => withLayers(model, 2)) }
    })
    expect((await on(1e9, 'cpu', shallow)).models).toEqual([])
    const { models } = await on(1e9, 'cpu', shallow, true)
    expect(models).toHaveLength(downloads.length)
    expect(models.every(({ fits }) => !fits)).toBe(true)
  })

  test('of a GPU that is not here goes by its memory', async () => {
    const turns = vi.spyOn(Math, 'cos')
    const { device, models } = await on(80e9, 'cuda:0', [only('Wan 2.1 T2V 14B')])
    expect(device).toBe('cuda:0')
    expect(models.map(({ title }) => title)).toContain('Wan 2.1 T2V 14B')
    // Rotary tables are inputs of its runs: where they are only planned, nobody computes them.
    expect(turns).not.toHaveBeenCalled()
  })
})
