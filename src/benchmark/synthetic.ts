import { cp, mkdir, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { builtInModel, resolveModel } from '../engine/model-name.ts'
import { CheckpointError, invalidRequest } from '../errors.ts'
import { wantedTensors } from '../graph/wanted-tensors.ts'
import type { Family, GraphRecipe, Model, PublishedModel } from '../pipeline/family.ts'
import { bytesPerElement, elementCount, type FloatDType } from '../tensor/dtype.ts'
import { configFileOf } from '../weights/component-configs.ts'
import { safetensorsNames } from '../weights/dtype-names.ts'
import { synthesizeWeights, type TensorList } from '../weights/sparse.ts'

export interface SyntheticOptions {
  /** Of a published checkpoint: `syntheticNames` lists them. */
  readonly name: string
  /** Where it is put; what is there already is not made again. */
  readonly folder: string
  /** Whether a component is computed with: it gets random numbers, the others zeros that take no disk space. */
  readonly isMeasured: (recipe: GraphRecipe, model: Model) => boolean
  /** How the weights are stored, instead of as they were published. */
  readonly stored?: FloatDType
  /** So many of the transformer's layers, instead of all. */
  readonly layers?: number
}

export interface SyntheticCheckpoint {
  /** Bytes of random numbers, which is what the folder takes on disk. */
  readonly bytes: number
}

export function syntheticNames(families: readonly Family[]): string[] {
  return families.flatMap(family => family.published.map(({ name }) => name))
}

/**
 * Writes a model folder of a published checkpoint's configs and sizes with weights that nobody trained, to be measured
 * where the real one is not at hand. Prompts are cut by the built-in model's tokenizer.
 * @throws RequestError for a name that no family has; CheckpointError where the disk is too small
 */
export async function writeSynthetic(
  options: SyntheticOptions,
  families: readonly Family[],
): Promise<SyntheticCheckpoint> {
  const { folder, layers } = options
  const { family, published } = findPublished(options.name, families)
  const model = layers === undefined ? published : withLayers(published, layers)
  const index = { ...model.index, ...listed(model) }
  await writeJson(path.join(folder, 'model_index.json'), index)
  for (const [name, config] of Object.entries(model.components)) {
    await writeJson(path.join(folder, name, configFileOf(name)), config)
  }
  const builtIn = await resolveModel(builtInModel)
  await cp(path.join(builtIn, 'tokenizer'), path.join(folder, 'tokenizer'), { recursive: true })
  const loaded = await family.load({ folder, index, components: model.components, defaults: {} })
  const { graphs } = loaded
  let bytes = 0
  for (const component of new Set(graphs.map(recipe => recipe.component))) {
    const recipes = graphs.filter(recipe => recipe.component === component)
    const values = recipes.some(recipe => options.isMeasured(recipe, loaded)) ? 'random' : 'zeros'
    const tensors = tensorsOf(recipes, options.stored ?? model.stored[component] ?? 'f32')
    if (values === 'random') bytes += bytesOf(tensors)
    await writeComponent(path.join(folder, component), tensors, values)
  }
  return { bytes }
}

/** The tensors that a component's graphs ask for. */
export function tensorsOf(recipes: readonly GraphRecipe[], stored: FloatDType): TensorList {
  const wanted = wantedTensors(weights => {
    for (const recipe of recipes) recipe.build(weights, 'f32')
  }, stored)
  return Object.fromEntries([...wanted].map(([key, shape]) => [key, [safetensorsNames[stored], shape]]))
}

function findPublished(name: string, families: readonly Family[]) {
  for (const family of families) {
    const published = family.published.find(each => each.name === name)
    if (published) return { family, published }
  }
  throw invalidRequest('synthetic', `one of ${syntheticNames(families).join(', ')}`, name)
}

/** model_index.json has a [library, class] pair for every component. */
function listed({ components }: PublishedModel): Record<string, readonly [string, string]> {
  const classes = Object.entries(components).map(([name, config]) => {
    return [name, ['diffusers', '_class_name' in config ? String(config._class_name) : name]] as const
  })
  return Object.fromEntries([...classes, ['tokenizer', ['transformers', 'T5TokenizerFast']]])
}

/** The first layers of every transformer. */
export function withLayers(model: PublishedModel, layers: number): PublishedModel {
  const cut = (config: object) => {
    const hinted = 'vace_layers' in config ? (config.vace_layers as number[]) : undefined
    return {
      ...config,
      num_layers: layers,
      ...(hinted && { vace_layers: hinted.filter(layer => layer < layers) }),
    }
  }
  const components = Object.entries(model.components).map(([name, config]) => {
    return [name, name.startsWith('transformer') ? cut(config) : config]
  })
  return { ...model, components: Object.fromEntries(components) }
}

/** Files that random weights are written to side by side, and how large one is at least. */
const mostShards = 16
const shardBytes = 2 ** 30

/** What a folder of weights says of itself, so that it is made once. */
const markName = 'synthetic.json'

/** What it says while they are written. */
const unfinished = 'unfinished'

async function writeComponent(
  folder: string,
  tensors: TensorList,
  values: 'zeros' | 'random',
): Promise<void> {
  const mark = JSON.stringify({ values, tensors })
  const file = path.join(folder, markName)
  const found = await readFile(file, 'utf8').catch(() => undefined)
  if (found === mark || found === JSON.stringify({ values: 'random', tensors })) return
  const bytes = bytesOf(tensors)
  if (found !== undefined) await removeWeights(folder)
  if (values === 'random') await checkSpace(folder, bytes)
  await mkdir(folder, { recursive: true })
  await writeFile(file, unfinished)
  const shards = Math.min(mostShards, Math.ceil(bytes / shardBytes))
  await synthesizeWeights(tensors, folder, { values, ...(values === 'random' && { shards }) })
  await writeFile(file, mark)
}

/** Other weights may be in more files or in fewer: none of the old ones may stay beside them. */
async function removeWeights(folder: string): Promise<void> {
  const names = await readdir(folder)
  const weights = names.filter(name => /\.safetensors(\.index\.json)?$/.test(name))
  await Promise.all(weights.map(name => rm(path.join(folder, name))))
}

async function checkSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bytes <= bavail * bsize) return
  throw new CheckpointError('checkpoint/not-found', {
    subject: folder,
    expected: `${gigabytes(bytes)} of free disk space for random weights`,
    got: gigabytes(bavail * bsize),
    advice: 'Make room, or set TMPDIR to a folder on a larger disk.',
  })
}

function bytesOf(tensors: TensorList): number {
  const sizes = Object.values(tensors).map(([name, shape]) => {
    return elementCount(shape) * bytesPerElement(name.toLowerCase() as FloatDType)
  })
  return sizes.reduce((sum, size) => sum + size, 0)
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}

async function writeJson(file: string, content: object): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, `${JSON.stringify(content, undefined, 2)}\n`)
}
