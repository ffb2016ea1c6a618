import { commandOf } from '../../api/record-command.ts'
import type { JsonObject, TaskAdapter, TaskRecord } from '../../jobs/task.ts'
import type { GenerationRecord } from '../../media/record.ts'
import type { Notice } from '../../notices.ts'
import type { GeneratePlan } from '../../pipeline/fields/request-fields.ts'
import type { RouteRequest } from '../http/route.ts'
import type { ServedModel } from '../models/served-model.ts'
import type { Services } from '../services.ts'
import type { TaskPlan } from './contract.ts'

export interface PlannedRequest {
  readonly model: ServedModel
  readonly adapters: readonly TaskAdapter[]
  /** As it was sent. */
  readonly request: JsonObject
  readonly plan: GeneratePlan
  readonly notices: readonly Notice[]
}

/** What is known of a task before it is made. */
export async function taskPlan(
  services: Services,
  { owner, signal }: Pick<RouteRequest, 'owner' | 'signal'>,
  planned: PlannedRequest,
): Promise<TaskPlan> {
  const { model, plan, notices } = planned
  const { width, height, frames, fps, steps } = plan
  const [memory, seconds] = await Promise.all([
    services.memory?.plan(
      { model: model.checkpoint, width, height, frames: plan.extend?.window ?? frames },
      { owner: owner.id, signal },
    ),
    secondsOf(services, owner, planned),
  ])
  return {
    width,
    height,
    frames,
    fps,
    steps,
    notices,
    command: commandFor(planned),
    ...(seconds !== undefined && { seconds }),
    ...(memory && { memory }),
  }
}

/** The command line names adapters by their files, which are the operator's: here they are NAME.safetensors. */
function commandFor({ model, adapters, request, plan }: PlannedRequest): string {
  const { width, height } = plan
  const files = adapters.map(({ name, scale }) => ({ path: `${name}.safetensors`, scale }))
  const sized = request.width === undefined && request.height === undefined ? {} : { width, height }
  const record = { prompt: '', ...request, ...sized, model: model.checkpoint, adapters: files }
  return commandOf(record as unknown as GenerationRecord)
}

/** Videos that the estimate of a time is made of. */
const samples = 20

/**
 * Estimates the time from the owner's earlier videos of the model: their denoising by steps and pixels, the rest by pixels.
 * @returns in tenths, rounded up; undefined before the first
 */
async function secondsOf(
  { jobs }: Services,
  owner: RouteRequest['owner'],
  planned: PlannedRequest,
): Promise<number | undefined> {
  const { model, plan } = planned
  const made = await jobs.list({
    owner: owner.id,
    states: ['succeeded'],
    search: model.checkpoint,
    limit: samples,
    order: 'desc',
  })
  const passes = plan.steps * passesOf(plan.guidance[0]!)
  const rates = made.flatMap(task =>
    task.request.model === model.checkpoint ? rateOf(task, model, passes) : [],
  )
  if (rates.length === 0) return undefined
  const median = rates.sort((a, b) => a - b)[Math.floor(rates.length / 2)]!
  return Math.ceil(median * plan.width * plan.height * plan.frames * 10) / 10
}

/** Seconds for each pixel of the clip that a task would have taken with so many passes of the network. */
function rateOf({ request, result }: TaskRecord, { defaults }: ServedModel, passes: number): number[] {
  if (!result) return []
  const { steps = defaults.steps, guidance = defaults.guidance } = request.generate
  const pixels = result.width * result.height * result.frames
  const { total = 0, denoising = total } = result.seconds
  const madeIn = Number(steps) * passesOf(Number([guidance].flat()[0]))
  return [(denoising / madeIn / pixels) * passes + Math.max(0, total - denoising) / pixels]
}

/** Guidance takes a second pass of the network in every step. */
const passesOf = (guidance: number) => (guidance === 1 ? 1 : 2)
