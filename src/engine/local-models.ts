import path from 'node:path'
import { messageOf } from '../errors.ts'
import type { PulledModel } from '../hub/models.ts'
import { openingOf } from '../pipeline/extend-plan.ts'
import type { Family } from '../pipeline/family.ts'
import type { Mode } from '../pipeline/model-facts.ts'
import { storedBytes, storedFormat, type TensorLocation } from '../weights/tensor-location.ts'
import { readCheckpoint } from './checkpoint.ts'
import { type AdapterReport, inspectAdapter } from './inspect-adapter.ts'
import { isAdapter } from './inspect-safetensors.ts'
import { partsOf } from './model-files.ts'
import { readPartFile } from './part-file.ts'
import { isWeightsFile } from './part-places.ts'

/** Something on this machine that a model is made of. */
export interface LocalPart {
  /** Relative to the repository's folder; `''` for a whole model. */
  readonly path: string
  /** `model`, a component such as `text_encoder`, `adapter`, or `other`. */
  readonly kind: string
  /** The class, of a component or a pipeline. */
  readonly class?: string
  /** How the weights are stored, the most bytes first. */
  readonly formats: readonly string[]
  readonly bytes: number
  /** What it can be asked for, of a model or a transformer with its other parts at hand. */
  readonly modes?: readonly Mode[]
  readonly extends?: boolean
  /** Why it cannot be run. */
  readonly obstacle?: string
}

/** What a pulled repository holds: the model, and files that were pulled on their own. Only configs and headers are read. */
export async function describeLocal(model: PulledModel, families: readonly Family[]): Promise<LocalPart[]> {
  const index = model.files.includes('model_index.json')
  const whole = index && model.whole ? [await describeModel('', model.path, families)] : []
  const weights = model.files.filter(isWeightsFile)
  const single = weights.filter(file => !(index && model.whole && file.includes('/')))
  const files = await Promise.all(
    single.map(file => describeFile(file, path.join(model.path, file), families)),
  )
  return [...whole, ...files]
}

async function describeModel(
  name: string,
  location: string,
  families: readonly Family[],
): Promise<LocalPart> {
  try {
    const { weights, configs, model, obstacle } = await readCheckpoint(location, families)
    const tensors = [...weights.values()].flatMap(each => [...each.tensors.values()])
    return {
      path: name,
      kind: 'model',
      class: String(configs.index._class_name),
      formats: formatsOf(tensors),
      bytes: storedBytes(tensors),
      ...(obstacle === undefined
        ? { modes: model.facts.modes, extends: openingOf(model.facts) !== undefined }
        : { obstacle }),
    }
  } catch (error) {
    return { path: name, kind: 'model', formats: [], bytes: 0, obstacle: messageOf(error) }
  }
}

/** Describes a file of weights: a component of a model, or an adapter. */
export async function describeFile(
  name: string,
  location: string,
  families: readonly Family[],
): Promise<LocalPart> {
  try {
    const file = await readPartFile(location)
    const tensors = [...file.tensors.values()]
    if (isAdapter(file.tensors.keys())) return adapterPart(name, await inspectAdapter(location))
    const part = families.flatMap(family => partsOf(file, family))[0]
    const common = { path: name, formats: formatsOf(tensors), bytes: storedBytes(tensors) }
    if (!part) return { ...common, kind: 'other', obstacle: 'tensors of no model that is known' }
    const { component: kind, listed } = part
    if (kind !== 'transformer') return { ...common, kind, class: listed[1] }
    const { modes, extends: extended, obstacle } = await describeModel(name, location, families)
    return {
      ...common,
      kind,
      class: listed[1],
      ...(modes && { modes }),
      ...(extended !== undefined && { extends: extended }),
      ...(obstacle !== undefined && { obstacle }),
    }
  } catch (error) {
    return { path: name, kind: 'other', formats: [], bytes: 0, obstacle: messageOf(error) }
  }
}

function adapterPart(name: string, { dtypes, bytes }: AdapterReport): LocalPart {
  return { path: name, kind: 'adapter', formats: dtypes, bytes }
}

function formatsOf(tensors: readonly TensorLocation[]): string[] {
  const bytes = new Map<string, number>()
  for (const tensor of tensors) {
    const format = storedFormat(tensor)
    bytes.set(format, (bytes.get(format) ?? 0) + tensor.bytes)
  }
  return [...bytes].sort((a, b) => b[1] - a[1]).map(([format]) => format)
}
