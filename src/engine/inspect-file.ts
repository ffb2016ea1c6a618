import { messageOf } from '../errors.ts'
import type { Family } from '../pipeline/family.ts'
import { partName } from '../pipeline/single-files.ts'
import { elementCount } from '../tensor/dtype.ts'
import { storedBytes, storedFormat, type TensorLocation } from '../weights/tensor-location.ts'
import { type ModelFiles, partsOf } from './model-files.ts'
import { readPartFile } from './part-file.ts'
import { describeTransformer } from './read-single-file.ts'

/** What a single file of weights holds, read from its header. */
export interface FileReport {
  readonly file: string
  readonly container: 'safetensors' | 'gguf'
  readonly parts: readonly FilePartReport[]
  /** Of the file. */
  readonly bytes: number
}

export interface FilePartReport {
  readonly family: string
  /** Of a transformer: `LTX-2.3`, as far as its tensors tell. */
  readonly variant?: string
  /** `transformer`, `text_encoder`, `vae`, `image_encoder`; of a piece of one, with its name: `connectors.projection`. */
  readonly component: string
  readonly class: string
  readonly parameters: number
  /** Of the part's tensors, as they are stored. */
  readonly bytes: number
  /** The formats of tensors whose names differ in numbers alone, those with the most bytes first. */
  readonly layers: readonly LayerClass[]
  /** Of a transformer, why another part of the model cannot be had. */
  readonly missing: readonly string[]
}

export interface LayerClass {
  /** With `*` for numbers: `blocks.*.attn1.to_q.weight`. */
  readonly name: string
  readonly tensors: number
  readonly formats: readonly string[]
  readonly bytes: number
}

/**
 * Describes a file of weights of a known family; undefined for tensors of none.
 * @throws CheckpointError for a file that is malformed, or of a quantisation that is not known
 */
export async function inspectFile(
  location: string,
  families: readonly Family[],
  files: ModelFiles = {},
): Promise<FileReport | undefined> {
  const file = await readPartFile(location)
  const found = families.map(family => ({ family, parts: partsOf(file, family) }))
  const best = found.find(({ parts }) => parts.some(({ component }) => component === 'transformer'))
  const known = best ?? found.find(({ parts }) => parts.length > 0)
  if (!known) return undefined
  const { family } = known
  const parts = known.parts.map(async (part): Promise<FilePartReport> => {
    const { component, listed, tensors } = part
    const all = [...tensors.values()]
    const described =
      component === 'transformer'
        ? await describeTransformer(location, families, files).catch(error => ({
            variant: undefined,
            missing: [messageOf(error)],
          }))
        : { variant: undefined, missing: [] }
    return {
      family: family.name,
      ...(described.variant !== undefined && { variant: described.variant }),
      component: partName(part),
      class: listed[1],
      parameters: all.reduce((sum, { shape }) => sum + elementCount(shape), 0),
      bytes: storedBytes(all),
      layers: layersOf(tensors),
      missing: described.missing,
    }
  })
  return { file: file.path, container: file.container, parts: await Promise.all(parts), bytes: file.bytes }
}

function layersOf(tensors: ReadonlyMap<string, TensorLocation>): LayerClass[] {
  const classes = new Map<string, TensorLocation[]>()
  for (const [key, tensor] of tensors) {
    const name = key.replace(/(?<=^|\.)\d+(?=\.|$)/g, '*')
    classes.set(name, [...(classes.get(name) ?? []), tensor])
  }
  const all = [...classes].map(([name, members]) => ({
    name,
    tensors: members.length,
    formats: [...new Set(members.map(storedFormat))].sort(),
    bytes: storedBytes(members),
  }))
  return all.sort((a, b) => b.bytes - a.bytes)
}
