import { toPixels } from '../geometry/video-geometry.ts'
import { openingOf } from '../pipeline/extend-plan.ts'
import type { CheckpointConfigs, Defaults, Family, ModelFacts } from '../pipeline/family.ts'
import type { Weights } from '../weights/checkpoint.ts'
import { storedBytes, storedFormat } from '../weights/tensor-location.ts'
import { readCheckpoint } from './checkpoint.ts'
import type { ModelFiles } from './model-files.ts'

/** What a checkpoint is, read from its configs and the headers of its weights. */
export interface ModelReport {
  readonly folder: string
  readonly family: string
  /** The pipeline's class, from model_index.json. */
  readonly pipeline: string
  /** Whether its graphs are read from .onnx files instead of built. */
  readonly exported: boolean
  /** Why it cannot be run; undefined where it can. */
  readonly obstacle?: string
  /** What about the folder was not taken as it is written. */
  readonly notices: readonly string[]
  readonly modes: ModelFacts['modes']
  /** Whether it can go on from a clip. */
  readonly extends: boolean
  /** Those that have weights. */
  readonly components: readonly ComponentReport[]
  /** The scheduler's class. */
  readonly scheduler: string
  /** Of all components. */
  readonly parameters: number
  readonly bytes: number
  readonly defaults: Defaults
  readonly sizes: SizeReport
}

export interface ComponentReport {
  readonly name: string
  readonly class: string
  readonly parameters: number
  readonly bytes: number
  readonly files: number
  /** How the tensors are stored: a dtype, or the name of a quantised format. */
  readonly dtypes: readonly { readonly dtype: string; readonly tensors: number; readonly bytes: number }[]
}

export interface SizeReport {
  /** Pixels. */
  readonly width: SizeSteps
  readonly height: SizeSteps
  readonly frames: SizeSteps
}

/** The sizes `first`, `first + step`, …, and `last` where the model has a limit. */
export interface SizeSteps {
  readonly first: number
  readonly step: number
  readonly last?: number
}

/**
 * Describes a model folder. Only configs and headers are read, so it is quick for any size.
 * A model whose weights are of a kind that cannot be run is described too, with why.
 * @throws CheckpointError when the folder is not a model, or a part of it is missing or malformed
 */
export async function inspectCheckpoint(
  location: string,
  families: readonly Family[],
  files?: ModelFiles,
): Promise<ModelReport> {
  const checkpoint = await readCheckpoint(location, families, { files })
  const { folder, family, configs, model, exported, obstacle } = checkpoint
  const notices = [...checkpoint.notices, ...checkpoint.choices]
  const components = [...checkpoint.weights].map(([name, weights]) => componentReport(configs, name, weights))
  return {
    folder,
    family: family.name,
    pipeline: String(configs.index._class_name),
    exported: exported !== undefined,
    ...(obstacle !== undefined && { obstacle }),
    notices,
    modes: model.facts.modes,
    extends: openingOf(model.facts) !== undefined,
    components,
    scheduler: classOf(configs, 'scheduler'),
    parameters: components.reduce((sum, { parameters }) => sum + parameters, 0),
    bytes: components.reduce((sum, { bytes }) => sum + bytes, 0),
    defaults: model.facts.defaults,
    sizes: sizesOf(model.facts),
  }
}

/** model_index.json has a [library, class] pair for every component. */
function classOf({ index }: CheckpointConfigs, component: string): string {
  const entry = index[component]
  return Array.isArray(entry) ? String(entry[1]) : 'unknown'
}

function componentReport(configs: CheckpointConfigs, name: string, weights: Weights): ComponentReport {
  return {
    name,
    class: classOf(configs, name),
    parameters: weights.parameters,
    bytes: weights.bytes,
    files: weights.files.length,
    dtypes: dtypesOf(weights),
  }
}

function dtypesOf({ tensors }: Weights): ComponentReport['dtypes'] {
  const all = [...tensors.values()]
  return [...new Set(all.map(storedFormat))].map(dtype => {
    const stored = all.filter(each => storedFormat(each) === dtype)
    return { dtype, tensors: stored.length, bytes: storedBytes(stored) }
  })
}

/** Read off the sizes of one, two and the most patches along every axis. */
function sizesOf({ geometry }: ModelFacts): SizeReport {
  const [frames, height, width] = geometry.patch
  const patches = (count: number) =>
    toPixels(geometry, {
      latentFrames: frames * count,
      latentHeight: height * count,
      latentWidth: width * count,
    })
  const [one, two] = [patches(1), patches(2)]
  const most = geometry.maxTokensPerAxis === undefined ? undefined : patches(geometry.maxTokensPerAxis)
  const steps = (axis: 'width' | 'height' | 'frames'): SizeSteps => {
    return { first: one[axis], step: two[axis] - one[axis], ...(most && { last: most[axis] }) }
  }
  return { width: steps('width'), height: steps('height'), frames: steps('frames') }
}
