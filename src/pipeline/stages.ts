/** The stages of a run: the first at the request's size, later ones that go on from its latents, enlarged. */

import { dropNotices, type Notify } from '../notices.ts'
import { createGenerator } from '../tensor/random.ts'
import { residentsOf, visualConditions } from './condition.ts'
import { denoiseStage, type FinishedStage, type PreparedStage, prepareStage } from './denoise-stage.ts'
import type { DenoiseState } from './denoise-state.ts'
import type { GenerateEvent } from './events.ts'
import type { Model } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'
import { upsampleVideo } from './upsample.ts'
import { readVisualInputs } from './visual.ts'

export interface StagesContext {
  readonly runner: GraphRunner
  readonly signal: AbortSignal
  readonly notify: Notify
  /** Events that are due before that of a step. */
  readonly changes: () => Iterable<GenerateEvent>
  readonly resume: DenoiseState | undefined
  readonly states: boolean
  readonly previewEvery: number | undefined
}

/**
 * @param first the request's own stage, the only one that can be resumed: a later one is run again from its beginning
 * @returns what the last stage leaves; the latents of the video are at the size that is decoded
 */
export async function* denoiseStages(
  model: Model,
  first: PreparedStage,
  context: StagesContext,
): AsyncGenerator<GenerateEvent, FinishedStage> {
  const { runner, signal, changes, resume, states, previewEvery } = context
  const { plan } = first
  const later = model.laterStages?.(plan) ?? []
  const of = later.reduce((sum, each) => sum + each.plan.steps, plan.steps - first.firstStep)
  const own = { resume, states, previewEvery, done: 0, of }
  let found = yield* denoiseStage(model, first, runner, signal, changes, own)
  let latents = await upsampleVideo(plan, found.latents, runner)
  let { skippedSteps } = found
  let done = plan.steps - first.firstStep
  for (const { plan: next, seed } of later) {
    const noise = seed === undefined ? createGenerator(plan.seed, found.noise) : createGenerator(seed)
    const inputs = await readVisualInputs(next, signal, dropNotices)
    const visual = await visualConditions(model, next, inputs, { ...context, noise, from: latents })
    const conditions = { ...first.conditions, visual }
    try {
      const stage = await prepareStage(model, next, conditions, noise)
      const settings = { resume: undefined, states: false, previewEvery, done, of }
      found = yield* denoiseStage(model, stage, runner, signal, changes, settings)
    } finally {
      await runner.drop(residentsOf({ visual }))
    }
    latents = found.latents
    skippedSteps += found.skippedSteps
    done += next.steps
  }
  return { ...found, latents, skippedSteps }
}
