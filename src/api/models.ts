import { syntheticNames } from '../benchmark/synthetic.ts'
import type { AdapterOptions } from '../engine/adapters.ts'
import type { ExportOptions, ExportReport } from '../engine/export.ts'
import type { ModelReport } from '../engine/inspect.ts'
import type { FileReport } from '../engine/inspect-file.ts'
import type { LocalPart } from '../engine/local-models.ts'
import type { ModelFiles } from '../engine/model-files.ts'
import type { MemoryReport, PlanMemoryOptions } from '../engine/plan-memory.ts'
import type { RecommendOptions } from '../engine/recommend.ts'
import { listModels, type PulledModel } from '../hub/models.ts'
import { dropNotices } from '../notices.ts'
import type { RequestFacts } from '../pipeline/model-facts.ts'
import { composition } from './engine.ts'

const { families } = composition

/** A model's folder or transformer's file, and the other files of the latter. */
interface ModelLocation {
  readonly model: string
  readonly files?: ModelFiles | undefined
}

/** Describes a model from its configs and the headers of its weights. */
export async function inspectModel({ model, files }: ModelLocation): Promise<ModelReport> {
  const { inspectCheckpoint } = await import('../engine/inspect.ts')
  return await inspectCheckpoint(model, families, files)
}

/** A model that was pulled, with what it holds and what that can do. */
export interface DescribedModel extends PulledModel {
  readonly parts: readonly LocalPart[]
}

/** The models that were pulled, each with what it holds: configs and headers are read. */
export async function describeModels(): Promise<DescribedModel[]> {
  const { describeLocal } = await import('../engine/local-models.ts')
  const described = (await listModels()).map(async model => {
    return { ...model, parts: await describeLocal(model, families) }
  })
  return await Promise.all(described)
}

/** Describes a file of weights of a known family; undefined for tensors of none. */
export async function inspectModelFile({ model, files }: ModelLocation): Promise<FileReport | undefined> {
  const { inspectFile } = await import('../engine/inspect-file.ts')
  return await inspectFile(model, families, files)
}

/** The published models that fit the memory of a device, from their shapes: nothing is fetched. */
export async function recommendedModels(options: RecommendOptions) {
  const { recommendModels } = await import('../engine/recommend.ts')
  return await recommendModels(options, families)
}

/** What requests to a model are checked by; only configs are read. */
export async function requestFacts({ model, files }: ModelLocation): Promise<RequestFacts> {
  const { openCheckpoint } = await import('../engine/checkpoint.ts')
  return (await openCheckpoint(model, families, { files })).model.facts
}

/**
 * Checks that adapters are of a model, from the headers of their files.
 * @throws CheckpointError for one that is not
 */
export async function checkModelAdapters({
  model,
  files,
  adapters,
}: ModelLocation & { readonly adapters: readonly AdapterOptions[] }): Promise<void> {
  const { openAdapters } = await import('../engine/adapters.ts')
  const { openCheckpoint } = await import('../engine/checkpoint.ts')
  await openAdapters(adapters, await openCheckpoint(model, families, { files }), dropNotices)
}

/** Estimates the memory that a request needs, and says how it would be made in what there is. */
export async function planModelMemory(options: PlanMemoryOptions): Promise<MemoryReport> {
  const { planMemory } = await import('../engine/plan-memory.ts')
  return await planMemory(options, families)
}

/** Writes a model folder as ordinary .onnx files that can be run in its place. */
export async function exportModel(options: ExportOptions): Promise<ExportReport> {
  const { exportCheckpoint } = await import('../engine/export.ts')
  return await exportCheckpoint(options, families)
}

/** The published checkpoints that can be measured without their weights. */
export function syntheticModels(): string[] {
  return syntheticNames(families)
}

/** The pipeline classes that are read. */
export function pipelineNames(): ReadonlySet<string> {
  return new Set(families.flatMap(family => family.pipelines))
}
