import { wantedTensors } from '../graph/wanted-tensors.ts'
import type { Download, StoredFormat } from '../pipeline/download.ts'
import type { Family, GraphRecipe, PublishedModel } from '../pipeline/family.ts'
import { requestFieldsOf } from '../pipeline/fields/request-fields.ts'
import { bytesPerElement, elementCount, type FloatDType } from '../tensor/dtype.ts'
import type { TokenizerSource } from '../text/tokenizer-source.ts'
import type { Weights } from '../weights/checkpoint.ts'
import { blockTypes } from '../weights/formats/gguf/block-types.ts'
import { blockTensor } from '../weights/formats/gguf/gguf-tensors.ts'
import { storedBytes, type TensorLocation } from '../weights/tensor-location.ts'
import type { Checkpoint } from './checkpoint.ts'

/** Key → shape of the tensors of components, by their pipeline and config: the graphs that tell them take time to build. */
export type ComponentShapes = Map<string, ReadonlyMap<string, readonly number[]>>

/** A checkpoint as a download has it, by its shapes alone: nothing of it is on this machine. */
export async function publishedCheckpoint(
  download: Download,
  family: Family,
  families: readonly Family[],
  { tokenizer, known = new Map() }: { tokenizer?: TokenizerSource; known?: ComponentShapes } = {},
): Promise<Checkpoint> {
  const published = family.published.find(({ name }) => name === download.model)
  if (!published) throw new TypeError(`download: expected a published model, got ${download.model}.`)
  const { index, components } = published
  const configs = {
    folder: '/',
    index: { ...index, ...listed(published) },
    components,
    defaults: {},
    ...(tokenizer && { tokenizer }),
  }
  const model = await family.load(configs)
  const weights = new Map<string, Weights>()
  for (const component of new Set(model.graphs.map(each => each.component))) {
    const recipes = model.graphs.filter(each => each.component === component)
    const format = download.parts[component]?.format ?? published.stored[component] ?? 'f32'
    const key = JSON.stringify([family.name, index._class_name, component, components[component]])
    const shapes = known.get(key) ?? shapesAskedFor(recipes)
    known.set(key, shapes)
    weights.set(component, weightsOf(shapes, format))
  }
  return {
    folder: '/',
    family,
    fields: requestFieldsOf(families.map(({ fields }) => fields)),
    configs,
    model,
    weights,
    exported: undefined,
    files: !('' in download.parts),
    notices: [],
    choices: [],
    obstacle: undefined,
  }
}

/** model_index.json has a [library, class] pair for every component. */
function listed({ components }: PublishedModel): Record<string, readonly [string, string]> {
  const names = [...Object.keys(components), 'tokenizer']
  return Object.fromEntries(names.map(name => [name, ['diffusers', name] as const]))
}

function shapesAskedFor(recipes: readonly GraphRecipe[]): ReadonlyMap<string, readonly number[]> {
  return wantedTensors(source => {
    for (const recipe of recipes) recipe.build(source, 'f32')
  })
}

function weightsOf(shapes: ReadonlyMap<string, readonly number[]>, format: StoredFormat): Weights {
  const tensors = [...shapes].map(([key, shape]) => storedTensor(key, shape, format))
  return {
    folder: '/',
    tensors: new Map(tensors.map(tensor => [tensor.key, tensor])),
    files: [],
    stamps: [],
    parameters: tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    bytes: storedBytes(tensors),
    metadata: new Map(),
  }
}

/** Matrices of layers are in the format; what is quantised of a file leaves everything else in 16 bits or more. */
function storedTensor(key: string, shape: readonly number[], format: StoredFormat): TensorLocation {
  const plain = (dtype: FloatDType | 'f8e4m3') => {
    return { key, shape, dtype, file: '/', offset: 0, bytes: bytesPerElement(dtype) * elementCount(shape) }
  }
  if (format === 'f32' || format === 'f16' || format === 'bf16') return plain(format)
  if (!/\.\d+\..*weight$/.test(key) || shape.length !== 2) return plain('f16')
  if (format === 'fp8') return plain('f8e4m3')
  const type = [...blockTypes.values()].find(({ name }) => name === blockTypeOf(key, format))!
  if (shape[1]! % type.elements !== 0) return plain('f16')
  return blockTensor({ ...plain('f16'), bytes: (elementCount(shape) / type.elements) * type.bytes }, type)
}

/** llama.cpp's mixture `Q4_K_M` keeps values and what follows the activation in more bits. */
function blockTypeOf(key: string, format: 'Q8_0' | 'Q4_K_M'): string {
  if (format === 'Q8_0') return format
  return /\.(?:to_v|net\.2)\.weight$/.test(key) ? 'Q5_K' : 'Q4_K'
}
