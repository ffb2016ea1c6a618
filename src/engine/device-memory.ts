import { BackendError } from '../errors.ts'
import { elementLimit } from '../graph/session-memory.ts'
import { freeHostMemory } from '../host-memory.ts'
import type { MemoryPlan, Residency } from '../pipeline/memory-plan.ts'
import type { GeneratePlan } from '../pipeline/request.ts'
import type { Device } from '../runtime/device.ts'
import type { VideoLane } from './lane-pool.ts'
import {
  type EstimateRequest,
  estimateTolerance,
  type PlanEstimate,
  type RequestEstimates,
} from './memory-estimate.ts'
import { nvidiaGpus } from './nvidia-gpus.ts'

export interface MemoryChoice {
  readonly estimate: PlanEstimate
  /** What to go over to when the memory runs out all the same, from the largest on. */
  readonly smaller: readonly MemoryPlan[]
}

/**
 * The first plan that fits, of those whose tensors all kernels can count, or the smallest one where it may fit as far as an
 * estimate can be trusted; undefined where none does.
 * @param free bytes; undefined where that is not known, for the first plan
 */
export async function choosePlan(
  { plans, estimate }: RequestEstimates,
  free: number | undefined,
): Promise<MemoryChoice | { readonly smallest: PlanEstimate }> {
  let last: PlanEstimate | undefined
  for (const [index, plan] of plans.entries()) {
    last = await estimate(plan)
    if (last.elements > elementLimit) continue
    if (free === undefined || last.bytes <= free) return { estimate: last, smaller: plans.slice(index + 1) }
  }
  const smallest = last!
  return smallest.bytes * (1 - estimateTolerance) > free! ? { smallest } : { estimate: smallest, smaller: [] }
}

export interface DeviceMemoryOptions {
  /** Residencies that may be chosen from. @default all */
  readonly residencies?: readonly Residency[] | undefined
  /** Bytes that may be used. @default what is free */
  readonly limit?: number | undefined
}

/** The memory of one device, which an engine's lanes share. */
export class DeviceMemory {
  readonly #device: Device
  readonly #estimate: EstimateRequest
  readonly #options: DeviceMemoryOptions
  readonly #rssAtStart = process.memoryUsage.rss()
  /** Bytes that lanes have or are about to take, and what of them their sessions still hold after a video. */
  readonly #taken = new Map<VideoLane, { readonly bytes: number; readonly heldBytes: number }>()

  constructor(device: Device, estimate: EstimateRequest, options: DeviceMemoryOptions) {
    this.#device = device
    this.#estimate = estimate
    this.#options = options
  }

  /**
   * Chooses how a lane is to make a video in the memory that others leave it.
   * @throws BackendError `runtime/memory` for a request that cannot fit, before anything is loaded
   */
  async admit(lane: VideoLane, plan: GeneratePlan): Promise<void> {
    const free = await this.#freeFor(lane)
    const choice = await choosePlan(this.#estimate(plan, this.#options.residencies), free)
    if ('smallest' in choice) throw tooLarge(choice.smallest, free!)
    this.#taken.set(lane, choice.estimate)
    lane.applyMemoryPlan(choice.estimate.plan, choice.smaller)
  }

  /** The lane has made its video: it holds what its sessions hold. */
  settle(lane: VideoLane): void {
    const heldBytes = this.#taken.get(lane)?.heldBytes ?? 0
    this.#taken.set(lane, { bytes: lane.open.length === 0 ? 0 : heldBytes, heldBytes })
  }

  async #freeFor(lane: VideoLane): Promise<number | undefined> {
    const { limit } = this.#options
    const free = limit ?? (await freeMemory(this.#device))
    if (free === undefined) return undefined
    const taken = [...this.#taken.values()].reduce((sum, { bytes }) => sum + bytes, 0)
    const others = taken - (this.#taken.get(lane)?.bytes ?? 0)
    if (limit !== undefined) return limit - others
    // What this engine has of what is not free. On a CPU all of it is in this process.
    const used = this.#device.type === 'cpu' ? process.memoryUsage.rss() - this.#rssAtStart : taken
    return free + Math.max(0, used) - others
  }
}

function tooLarge({ bytes }: PlanEstimate, free: number): BackendError {
  const gib = (count: number) => `${(count / 2 ** 30).toFixed(1)} GiB`
  return new BackendError('runtime/memory', {
    subject: 'request',
    expected: `about ${gib(bytes)} of free memory`,
    got: gib(free),
    advice:
      'Make fewer frames or a smaller size, or free memory: "framewright inspect --plan" shows what takes it.',
  })
}

/** Bytes that are free; undefined for a GPU that nothing can be asked about. */
export async function freeMemory(device: Device): Promise<number | undefined> {
  return device.type === 'cpu' ? freeHostMemory() : await freeGpuMemory(device.index)
}

/** Of the GPU that nvidia-smi has at that place. */
async function freeGpuMemory(index: number): Promise<number | undefined> {
  const gpu = (await nvidiaGpus())[index]
  return gpu && gpu.totalBytes - gpu.usedBytes
}
