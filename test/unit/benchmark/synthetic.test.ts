import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { syntheticNames, tensorsOf, writeSynthetic } from '../../../src/benchmark/synthetic.ts'
import { buildComponent } from '../../../src/engine/build-component.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { memoize } from '../../../src/memoize.ts'
import type { Family, GraphRecipe } from '../../../src/pipeline/family.ts'
import type { FloatDType } from '../../../src/tensor/dtype.ts'
import { openWeights } from '../../../src/weights/checkpoint.ts'
import { readTensor } from '../../../src/weights/read-tensor.ts'
import { synthesizeWeights, type TensorList } from '../../../src/weights/sparse.ts'
import { hasFixture } from '../../fixtures.ts'
import { publishedComponents } from '../../published.ts'
import { scratchFolder } from '../../scratch.ts'

const scratch = scratchFolder()

const published = families.flatMap(family => family.published.map(model => ({ family, model })))

/** Which list of published tensors a component has to equal. */
function listOf(name: string, component: string, config: object): string {
  if (name.startsWith('ltx-2'))
    return component === 'text_encoder' ? 'ltx2-gemma3-12b' : name.replace('ltx-2', 'ltx2')
  if (name.startsWith('hunyuan15')) return hunyuanList(name, component)
  if (component === 'text_encoder') return name.startsWith('ltx') ? 'ltx-t5-xxl' : 'wan21-umt5-xxl'
  if (component === 'image_encoder') return 'wan21-clip-vit-h'
  if (component === 'vae' && !name.startsWith('ltx')) return 'z_dim' in config ? 'wan22-vae' : 'wan21-vae'
  return name
}

/** 720p has the tensors of 480p. */
function hunyuanList(name: string, component: string): string {
  if (component === 'vae') return 'hunyuan15-vae'
  if (component !== 'transformer') return 'hunyuan15-text-encoders'
  const same = name.replace('720p', '480p')
  return same.includes('i2v') ? same : `${same}-t2v`
}

const listNamed = memoize(publishedComponents)

interface Asked {
  readonly recipes: readonly GraphRecipe[]
  readonly stored: FloatDType
  /** What the graphs are built from. */
  readonly config: unknown
}

/** Most models of a family have components in common. */
const tensorsAskedFor = memoize(
  ({ recipes, stored }: Asked) => tensorsOf(recipes, stored),
  ({ recipes, stored, config }) => JSON.stringify([recipes.map(({ name }) => name), stored, config]),
)

describe.each(published)('the configs of $model.name', async ({ family, model }) => {
  const { graphs, ignoredTensors } = await family.load({
    folder: '/nowhere',
    index: model.index,
    components: model.components,
    defaults: {},
  })
  const components = [...new Set(graphs.map(({ component }) => component))].flatMap(component => {
    const list = listOf(model.name, component, model.components[component]!)
    return hasFixture(`published/${list}.json`) ? [{ component, list }] : []
  })

  if (components.length === 0) test.skip('give the tensors of its components, whose lists are not here')

  test.each(components)('give the tensors of the published $component', ({ component, list }) => {
    const content = listNamed(list)
    const alike = Object.keys(content).find(name => component.startsWith(name))
    const expected = (content[component] ?? content[alike!])?.tensors
    const ignored = ignoredTensors[component] ?? []
    const recipes = graphs.filter(graph => graph.component === component)
    const compared = (tensors: TensorList) => {
      const entries = Object.entries(tensors)
      const used = entries.filter(([key]) => !isTied(key) && !ignored.some(rule => key.search(rule) >= 0))
      // What transformers before version 5 nest vision encoders in, which both are read with.
      return Object.fromEntries(used.map(([key, about]) => [key.replace(/^vision_model\./, ''), about]))
    }
    const stored = model.stored[component]!
    const config = [family.name, model.index._class_name, model.components[component]]
    expect(compared(tensorsAskedFor({ recipes, stored, config }))).toEqual(compared(expected!))
  })
})

/** A table that checkpoints hold under two names. */
function isTied(key: string): boolean {
  return key === 'encoder.embed_tokens.weight' || key === 'shared.weight'
}

test('the page about measuring lists every name', () => {
  const page = readFileSync('docs/benchmark.md', 'utf8')
  expect(syntheticNames(families).filter(name => !page.includes(`\`${name}\``))).toEqual([])
})

/** The families, whose Wan models have a VAE of a hundredth of the weights. */
const small = families.map((family): Family => {
  const published = family.published.map(model => {
    const { vae } = model.components
    if (family.name !== 'wan') return model
    return { ...model, components: { ...model.components, vae: { ...vae, base_dim: 8 } } }
  })
  return { ...family, published }
})

describe('a synthetic checkpoint', () => {
  test('opens, with random numbers where it is measured and nothing on disk elsewhere', async () => {
    const folder = join(scratch, 'synthetic')
    const options = {
      name: 'wan-t2v-1.3b',
      folder,
      isMeasured: ({ role }: { role: string }) => role === 'vae',
      layers: 1,
    }
    const { bytes } = await writeSynthetic(options, small)
    const checkpoint = await openCheckpoint(folder, families)
    const precision = { device: { type: 'cpu' }, requested: undefined } as const
    for (const component of ['transformer', 'text_encoder', 'vae']) {
      expect((await buildComponent(checkpoint, component, precision)).size).toBeGreaterThan(0)
    }
    const vae = await openWeights(join(folder, 'vae'))
    expect(bytes).toBe(vae.bytes)
    const { data } = await readTensor(vae.tensors.get('decoder.conv_in.weight')!)
    const values = [...(data as Float32Array)]
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
    expect(deviation).toBeCloseTo(1 / Math.sqrt(16 * 27), 3)
    const text = statSync(join(folder, 'text_encoder/diffusion_pytorch_model.safetensors'))
    expect(text.size).toBeGreaterThan(10e9)
    expect(text.blocks * 512).toBeLessThan(1e6)
  })

  test('is not made again where it is', async () => {
    const folder = join(scratch, 'again')
    const options = { name: 'wan-t2v-1.3b', folder, layers: 1 }
    await writeSynthetic({ ...options, isMeasured: ({ role }) => role === 'vae' }, small)
    const file = join(folder, 'vae/diffusion_pytorch_model.safetensors')
    const { mtimeMs } = statSync(file)
    await writeSynthetic({ ...options, isMeasured: () => false }, small)
    expect(statSync(file).mtimeMs).toBe(mtimeMs)
  })

  test('leaves nothing of the weights that it replaces, which may be in other files', async () => {
    const folder = join(scratch, 'replaced')
    const options = { name: 'wan-t2v-1.3b', folder, layers: 1 }
    await writeSynthetic({ ...options, isMeasured: () => false }, small)
    const vae = join(folder, 'vae')
    const { tensors } = await openWeights(vae)
    const list = Object.fromEntries([...tensors].map(([key, { shape }]) => [key, ['F32', shape]] as const))
    rmSync(join(vae, 'diffusion_pytorch_model.safetensors'))
    await synthesizeWeights(list, vae, { shards: 2 })
    await writeSynthetic({ ...options, isMeasured: ({ role }) => role === 'vae' }, small)
    expect(readdirSync(vae).filter(name => name.includes('.safetensors'))).toEqual([
      'diffusion_pytorch_model.safetensors',
    ])
  })

  test('of a name that is not known is refused with those that are', async () => {
    const options = { name: 'wan-t2v-15b', folder: scratch, isMeasured: () => false }
    await expect(writeSynthetic(options, families)).rejects.toThrow(
      `synthetic: expected one of ${syntheticNames(families).join(', ')}, got wan-t2v-15b.`,
    )
  })
})
