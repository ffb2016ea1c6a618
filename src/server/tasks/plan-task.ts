import type { TaskAdapter, TaskRequest } from '../../jobs/task.ts'
import { type Notice, Notices } from '../../notices.ts'
import { invalidField } from '../http/http-error.ts'
import type { ServedModel } from '../models/served-model.ts'
import { planVideo, type WantedVideo } from './plan-video.ts'

/** A task to make. */
export interface PlannedTask {
  /** What is asked of a runner: nothing of it is left to chance. */
  readonly request: TaskRequest
  /** Where that is not what the client asks for. */
  readonly notices: readonly Notice[]
}

/**
 * @param said what was noticed of the request before
 * @throws HttpError 400 for what the model cannot do
 */
export function planTask(model: ServedModel, wanted: WantedVideo, said: readonly Notice[] = []): PlannedTask {
  const adapters = adaptersOf(model, wanted)
  const notices = new Notices(said)
  const generate = planVideo(model, wanted, notices.add)
  const request = { model: model.checkpoint, generate, ...(adapters.length > 0 && { adapters }) }
  return { request, notices: notices.take() }
}

/** @throws HttpError 400 that says which adapters the model has */
export function adaptersOf(
  model: ServedModel,
  { loras = [], fields = {} }: Pick<WantedVideo, 'loras' | 'fields'>,
): readonly TaskAdapter[] {
  const known = model.adapters
  const nameAt = (index: number) => [...(fields[`loras[${index}]`] ?? ['loras', index]), 'name']
  const stray = loras.findIndex(({ name }) => !known.includes(name))
  if (stray >= 0) {
    const got = JSON.stringify(loras[stray]!.name)
    const message =
      known.length === 0
        ? `The checkpoint behind this model has no adapters here, got ${got}.`
        : `Expected an adapter of this model, ${known.join(' or ')}, got ${got}.`
    throw invalidField(nameAt(stray), message)
  }
  const twice = loras.findIndex(({ name }, at) => loras.findIndex(each => each.name === name) < at)
  if (twice >= 0) throw invalidField(nameAt(twice), 'Expected each adapter once.')
  return loras
}
