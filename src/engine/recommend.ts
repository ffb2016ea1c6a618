import path from 'node:path'
import type { Download } from '../pipeline/download.ts'
import type { Family, Mode } from '../pipeline/family.ts'
import type { GeneratePlan } from '../pipeline/request.ts'
import { type Device, deviceText, parseDevice, parseDeviceName } from '../runtime/device.ts'
import { type TokenizerSource, tokenizerFolder } from '../text/tokenizer-source.ts'
import type { Checkpoint } from './checkpoint.ts'
import { planClip } from './clip-sizes.ts'
import { freeMemory } from './device-memory.ts'
import { graphSource } from './graph-source.ts'
import { memoryEstimator } from './memory-estimate.ts'
import { builtInModel, resolveModel } from './model-name.ts'
import { type ComponentShapes, publishedCheckpoint } from './published-checkpoint.ts'

export interface RecommendOptions {
  /** As of an engine. @default auto */
  readonly device?: string
  /** Bytes that may be used; a device that is not here can be asked about with it. @default what is free */
  readonly memory?: number
  /** Such as `832x480`. @default the model's own */
  readonly size?: string
  readonly frames?: number
  /** Whether those that do not fit are listed, too. @default false */
  readonly all?: boolean
}

/** A download of a published model, and what it takes to run it. */
export interface Recommendation {
  readonly title: string
  /** The format of the denoising network. */
  readonly format: string
  readonly modes: readonly Mode[]
  /** Of what is downloaded: of a repository, what its components take. */
  readonly downloadBytes: number
  /** Expected at the fullest moment of a video of the size, one component at a time. */
  readonly memoryBytes: number
  readonly fits: boolean
  readonly width: number
  readonly height: number
  readonly frames: number
  /** Commands that fetch it. */
  readonly pull: readonly string[]
}

/**
 * The published models that a device has the memory for, the ones with the most parameters first. Nothing is fetched.
 * @param known shapes of components that were told before; those that are told now are added
 * @throws RequestError for a device or a size that cannot be
 */
export async function recommendModels(
  { device: name = 'auto', memory, all = false, ...clip }: RecommendOptions,
  families: readonly Family[],
  known: ComponentShapes = new Map(),
): Promise<{
  readonly device: string
  readonly free: number | undefined
  readonly models: readonly Recommendation[]
}> {
  const device = memory === undefined || name === 'auto' ? parseDevice(name) : parseDeviceName(name)
  const free = memory ?? (await freeMemory(device))
  // Prompts are as long as a model reads: which tokenizer cuts them makes no difference.
  const tokenizer = tokenizerFolder(path.join(await resolveModel(builtInModel), 'tokenizer'))
  const found: { readonly parameters: number; readonly recommendation: Recommendation }[] = []
  for (const family of families) {
    for (const [model, downloads] of Object.entries(byModel(family))) {
      const context = { families, family, device, free, clip, all, tokenizer, known }
      found.push(...(await recommendationsOf(model, downloads, context)))
    }
  }
  const models = found
    .toSorted((a, b) => b.parameters - a.parameters)
    .map(({ recommendation }) => recommendation)
  return { device: deviceText(device), free, models }
}

function byModel({ downloads = [] }: Family): Readonly<Record<string, readonly Download[]>> {
  const models: Record<string, Download[]> = {}
  for (const download of downloads) models[download.model] = [...(models[download.model] ?? []), download]
  return models
}

interface RecommendContext {
  readonly families: readonly Family[]
  readonly family: Family
  readonly device: Device
  /** Bytes; undefined where that is not known. */
  readonly free: number | undefined
  readonly clip: Pick<RecommendOptions, 'size' | 'frames'>
  readonly all: boolean
  readonly tokenizer: TokenizerSource
  readonly known: ComponentShapes
}

/**
 * One model in every form. What a run takes beside weights is estimated once, as it takes the least: component by component,
 * and in the smallest parts. Forms whose weights alone do not fit are not estimated unless all are asked for.
 */
async function recommendationsOf(
  model: string,
  downloads: readonly Download[],
  { families, family, device, free, clip, all, tokenizer, known }: RecommendContext,
) {
  const opened: { download: Download; checkpoint: Checkpoint; weights: number }[] = []
  for (const download of downloads) {
    const checkpoint = await publishedCheckpoint(download, family, families, { tokenizer, known })
    opened.push({ download, checkpoint, weights: largestComponent(checkpoint.weights) })
  }
  const possible = opened.filter(({ weights }) => all || free === undefined || weights <= free)
  const smallest = possible.toSorted((a, b) => a.weights - b.weights)[0]
  if (!smallest) return []
  const beside = await besideWeights(smallest.checkpoint, device, clip)
  return possible.flatMap(({ download, checkpoint, weights }) => {
    const bytes = weights + beside.bytes
    const fits = free === undefined || bytes <= free
    if (!fits && !all) return []
    const { graphs, facts } = checkpoint.model
    const expert = graphs.find(each => each.name === facts.experts[0].graph)!.component
    const stored = family.published.find(each => each.name === model)!.stored
    const recommendation: Recommendation = {
      title: download.title,
      format: download.parts[expert]?.format ?? stored[expert] ?? 'f32',
      modes: facts.modes,
      downloadBytes: [...checkpoint.weights.values()].reduce((sum, each) => sum + each.bytes, 0),
      memoryBytes: bytes,
      fits,
      width: beside.plan.width,
      height: beside.plan.height,
      frames: beside.plan.frames,
      pull: Object.values(download.parts).map(({ id }) => `framewright models pull ${id}`),
    }
    return [{ parameters: checkpoint.weights.get(expert)!.parameters, recommendation }]
  })
}

/** Bytes of a run beside the weights of its largest component. */
async function besideWeights(
  checkpoint: Checkpoint,
  device: Device,
  clip: RecommendContext['clip'],
): Promise<{ readonly bytes: number; readonly plan: GeneratePlan }> {
  const plan = planClip(checkpoint, clip)
  const source = graphSource(checkpoint, { device, requested: undefined })
  const { plans, estimate } = memoryEstimator(checkpoint, device, source)(plan, ['release'])
  const { bytes } = await estimate(plans.at(-1)!)
  return { bytes: Math.max(0, bytes - largestComponent(checkpoint.weights)), plan }
}

function largestComponent(weights: Checkpoint['weights']): number {
  return Math.max(...[...weights.values()].map(({ bytes }) => bytes))
}
