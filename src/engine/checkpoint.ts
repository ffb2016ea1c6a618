import path from 'node:path'
import { z } from 'zod'
import { CheckpointError } from '../errors.ts'
import type { CheckpointConfigs, Family, GraphRecipe, Model } from '../pipeline/family.ts'
import { presetText } from '../pipeline/fields/preset.ts'
import { type RequestFields, requestFieldsOf } from '../pipeline/fields/request-fields.ts'
import { openWeights, type Weights } from '../weights/checkpoint.ts'
import { isModelFolder, readComponents, readJson } from '../weights/component-configs.ts'
import { ggufIn } from '../weights/find-weights.ts'
import { quantizedIn } from '../weights/quantization.ts'
import { readSchedulerConfig } from '../weights/scheduler-config.ts'
import { isCutDownload } from '../weights/weights-file.ts'
import { withoutGraphs } from './absent-graphs.ts'
import { type ExportManifest, exportManifest, exportManifestName, trainedSchema } from './export-manifest.ts'
import { fetchAdvice } from './fetch-advice.ts'
import { type ModelFiles, refuseFiles } from './model-files.ts'
import { modelAt } from './model-folder.ts'
import { readSingleFile, weightsInFiles, weightsOfParts } from './read-single-file.ts'

/** A model that a family has read. */
export interface Checkpoint {
  /** Of a model of single files, the transformer's file. */
  readonly folder: string
  readonly family: Family
  /** Every field that a request may have. */
  readonly fields: RequestFields
  readonly configs: CheckpointConfigs
  readonly model: Model
  /** Of every component that has graphs. */
  readonly weights: ReadonlyMap<string, Weights>
  /** Where the graphs are, when they were exported; undefined when they are built from the weights. */
  readonly exported: ExportManifest | undefined
  /** Whether it is of single files, and no folder. */
  readonly files: boolean
  /** What about the folder was not taken as it is written, as sentences. */
  readonly notices: readonly string[]
  /** Parts that were found, and what was assumed, of a model of single files; as sentences. */
  readonly choices: readonly string[]
  /** Why it cannot be run, although it could be read; undefined where it can. */
  readonly obstacle: string | undefined
}

/** framewright.json */
const ownFileSchema = z
  .strictObject({
    width: z.int().positive(),
    height: z.int().positive(),
    frames: z.int().positive(),
    fps: z.number().positive(),
    steps: z.int().positive(),
    guidance: z.number().nonnegative(),
    negativePrompt: z.string(),
    trained: trainedSchema,
  })
  .partial()

/** How a model is opened. */
export interface OpenCheckpointOptions {
  /** The pipeline class to run it as. @default the one that model_index.json names */
  readonly pipeline?: string | undefined
  /** Files of a model that is no folder. @default those that are found near the transformer's */
  readonly files?: ModelFiles | undefined
}

/**
 * Opens a folder in the diffusers layout, one that was exported, or a transformer's single file.
 * @throws CheckpointError when it is not there, not a model, of a pipeline that no family reads, lacks a part that it
 *   lists, or holds weights of a kind that cannot be run; RequestError for `files` beside a folder
 */
export async function openCheckpoint(
  folder: string,
  families: readonly Family[],
  options: OpenCheckpointOptions = {},
): Promise<Checkpoint> {
  const checkpoint = await readCheckpoint(folder, families, options)
  if (checkpoint.obstacle === undefined) return checkpoint
  throw new CheckpointError('checkpoint/tensors', {
    subject: `model ${checkpoint.folder}`,
    expected: 'weights as plain floats',
    got: checkpoint.obstacle,
    advice: 'Use the weights that were not quantised.',
  })
}

/** Opens a folder like `openCheckpoint`, also one whose weights are of a kind that cannot be run. */
export async function readCheckpoint(
  location: string,
  families: readonly Family[],
  options: OpenCheckpointOptions = {},
): Promise<Checkpoint> {
  const found = (await isModelFolder(location))
    ? ({ kind: 'folder', path: location } as const)
    : await modelAt(location)
  if (found.kind === 'file') return await readFile(found.path, families, options)
  if (options.files) refuseFiles(found.path, options.files)
  return await readFolder(found.path, families, options.pipeline)
}

async function readFile(
  file: string,
  families: readonly Family[],
  { pipeline, files = {} }: OpenCheckpointOptions,
): Promise<Checkpoint> {
  const found = await readSingleFile(file, families, files, pipeline)
  const { family, weights, choices } = found
  const index = pipeline ? { ...found.configs.index, _class_name: pipeline } : found.configs.index
  const configs = { ...found.configs, index }
  const model = await family.load(configs)
  const read = { folder: file, family, configs, model, weights, files: true, choices }
  return checkpointOf({ ...read, exported: undefined, notices: [] }, families)
}

async function readFolder(
  folder: string,
  families: readonly Family[],
  pipeline: string | undefined,
): Promise<Checkpoint> {
  const exported = await readJson(path.join(folder, exportManifestName), exportManifest)
  const { notices, ...read } = exported
    ? { folder, index: exported.index, components: exported.components, notices: [] }
    : await readComponents(folder, fetchAdvice)
  const { trained, ...defaults } = exported
    ? { ...exported.defaults, trained: exported.trained }
    : ((await readJson(path.join(folder, 'framewright.json'), ownFileSchema)) ?? {})
  const index = pipeline ? { ...read.index, _class_name: pipeline } : read.index
  const configs = { ...read, index, defaults: defaults as CheckpointConfigs['defaults'], trained }
  const family = familyOf(configs, families)
  const model = await family.load(configs)
  readSchedulerConfig(model.facts.scheduler)
  const weights = exported?.weights
    ? await weightsOfParts(folder, exported.weights, family)
    : await openComponents(folder, model, family)
  const opened = { folder, family, configs, model, weights, files: false, choices: [] }
  return checkpointOf({ ...opened, exported, notices }, families)
}

function checkpointOf(
  read: Omit<Checkpoint, 'fields' | 'obstacle'>,
  families: readonly Family[],
): Checkpoint {
  const absent = read.model.graphs.filter(each => isAbsent(each, read.weights.get(each.component)))
  return {
    ...read,
    model: absent.length === 0 ? read.model : withoutGraphs(read.model, absent, read.folder),
    fields: requestFieldsOf(families.map(each => each.fields)),
    obstacle: quantizedIn(read.weights, read.configs.components),
  }
}

/** Whether a checkpoint leaves out the weights of a graph that it may do without. */
function isAbsent({ optional }: GraphRecipe, weights: Weights | undefined): boolean {
  return (
    optional !== undefined && ![...(weights?.tensors.keys() ?? [])].some(key => optional.tensors.test(key))
  )
}

/** Weights of every component that has graphs: their headers alone are read. A GGUF file stands for those of its folder. */
async function openComponents(folder: string, model: Model, family: Family): Promise<Map<string, Weights>> {
  const names = [...new Set(model.graphs.map(({ component }) => component))]
  const open = async (name: string) => {
    try {
      const file = await ggufIn(path.join(folder, name))
      if (file !== undefined) return [name, await weightsInFiles([file], name, family)] as const
      return [name, await openWeights(path.join(folder, name))] as const
    } catch (error) {
      if (!isCutDownload(error) || !error.expectation) throw error
      const advice = await fetchAdvice(folder)
      throw new CheckpointError(error.code, { ...error.expectation, advice }, { cause: error })
    }
  }
  return new Map(await Promise.all(names.map(open)))
}

/** Sentences about files whose headers say that they are of a few-step model, each with the preset that it has. */
export function presetOffers(
  { model, weights, folder }: Checkpoint,
  adapters: readonly { readonly what: string; readonly metadata: Weights['metadata'] }[],
): string[] {
  const { presets = [], experts } = model.facts
  const components = experts.map(({ graph }) => model.graphs.find(({ name }) => name === graph)?.component)
  const networks = components.flatMap(name => (name === undefined ? [] : (weights.get(name) ?? [])))
  const files = [...networks.map(({ metadata }) => ({ what: `model ${folder}`, metadata })), ...adapters]
  const offers = files.flatMap(({ what, metadata }) => {
    const said = [...metadata.values()].filter(value => value.length < longest).join('\n')
    const preset = presets.find(({ recognized }) => recognized.test(said))
    return preset
      ? [
          `${what}: its header says it is ${preset.name}; --preset ${preset.name} runs it with ${presetText(preset)}.`,
        ]
      : []
  })
  return [...new Set(offers)]
}

/** Longer values are configs and the like, not names. */
const longest = 1000

/** The family that reads a checkpoint's pipeline. @throws CheckpointError for a pipeline that none reads */
export function familyOf(
  configs: Pick<CheckpointConfigs, 'folder' | 'index'>,
  families: readonly Family[],
): Family {
  const pipeline = configs.index._class_name
  const family = families.find(each => each.pipelines.some(name => name === pipeline))
  if (family) return family
  throw new CheckpointError('checkpoint/config', {
    subject: path.join(configs.folder, 'model_index.json'),
    expected: `a pipeline of ${families.flatMap(each => each.pipelines).join(', ')}`,
    got: pipeline === undefined ? 'none' : JSON.stringify(pipeline),
    advice: 'Use a model of one of these: framewright models list shows those that are here.',
  })
}
