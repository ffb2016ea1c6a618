import type { Family } from '../pipeline/family.ts'
import { planText } from '../pipeline/memory-plan.ts'
import { deviceText, parseDeviceName } from '../runtime/device.ts'
import { openCheckpoint } from './checkpoint.ts'
import { planClip } from './clip-sizes.ts'
import { choosePlan, freeMemory } from './device-memory.ts'
import type { EngineOptions } from './engine.ts'
import { devicesFor, graphSource } from './graph-source.ts'
import { memoryEstimator, type PlanEstimate } from './memory-estimate.ts'

export interface PlanMemoryOptions
  extends Pick<EngineOptions, 'model' | 'files' | 'device' | 'precision' | 'memory'> {
  /** Such as `832x480`. @default the model's own */
  readonly size?: string
  readonly frames?: number
}

/** What a request needs, and how it would be made. */
export interface MemoryReport {
  readonly device: string
  readonly width: number
  readonly height: number
  readonly frames: number
  /** Bytes that may be used; undefined for a GPU that does not tell. */
  readonly free: number | undefined
  /** From the largest on. */
  readonly plans: readonly (PlanEstimate & { readonly text: string })[]
  /** Index into the plans; undefined where none fits. */
  readonly chosen: number | undefined
}

/**
 * Estimates the memory of a request under every plan. Only configs and headers are read. The prompt is taken to be as
 * long as the model reads, and what the model has to be given, to be given.
 * @throws CheckpointError for a folder that is no model; RequestError for a size that it cannot make
 */
export async function planMemory(
  { model: location, files, device: name = 'auto', precision, memory, size, frames }: PlanMemoryOptions,
  families: readonly Family[],
): Promise<MemoryReport> {
  // A device that is not here can be planned for.
  const here = memory === undefined || name === 'auto'
  const device = here ? devicesFor(name, precision)[0] : parseDeviceName(name)
  const checkpoint = await openCheckpoint(location, families, { files })
  const plan = planClip(checkpoint, { size, frames })
  const free = memory ?? (await freeMemory(device))
  const source = graphSource(checkpoint, { device, requested: precision })
  const estimates = memoryEstimator(checkpoint, device, source)(plan)
  const plans: PlanEstimate[] = []
  for (const each of estimates.plans) plans.push(await estimates.estimate(each))
  const choice = await choosePlan(estimates, free)
  const chosen =
    'smallest' in choice ? undefined : plans.findIndex(each => each.plan === choice.estimate.plan)
  return {
    device: deviceText(device),
    width: plan.width,
    height: plan.height,
    frames: plan.frames,
    free,
    plans: plans.map(each => ({ ...each, text: planText(each.plan) })),
    chosen,
  }
}
