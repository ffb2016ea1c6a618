/** The stages of a run: the first at the request's size, later ones that go on from its latents, enlarged. */

import { dropNotices } from '../notices.ts'
import { createGenerator } from '../tensor/random.ts'
import { residentsOf, visualConditions } from './condition.ts'
import {
  denoiseStage,
  type FinishedStage,
  type PreparedStage,
  prepareStage,
  type StageContext,
} from './denoise-stage.ts'
import type { GenerateEvent } from './events.ts'
import type { Model } from './family.ts'
import { upsampleVideo } from './upsample.ts'
import { readVisualInputs } from './visual.ts'

/**
 * @param first the request's own stage, the only one that can be resumed: a later one is run again from its beginning
 * @returns what the last stage leaves; the latents of the video are at the size that is decoded
 */
export async function* denoiseStages(
  model: Model,
  first: PreparedStage,
  context: StageContext,
): AsyncGenerator<GenerateEvent, FinishedStage> {
  const { runner, signal } = context
  const { plan } = first
  const later = model.laterStages?.(plan) ?? []
  let done = first.experts.length
  const of = later.reduce((sum, each) => sum + each.plan.steps, done)
  let found = yield* denoiseStage(model, first, context, { done: 0, of })
  let latents = await upsampleVideo(plan, found.latents, runner)
  let { skippedSteps } = found
  for (const { plan: next, seed } of later) {
    const noise = seed === undefined ? createGenerator(plan.seed, found.noise) : createGenerator(seed)
    const inputs = await readVisualInputs(next, signal, dropNotices)
    const visual = await visualConditions(model, next, inputs, { ...context, noise, from: latents })
    const conditions = { ...first.conditions, visual }
    try {
      const stage = await prepareStage(model, next, conditions, noise)
      const own = { ...context, resume: undefined, states: false }
      found = yield* denoiseStage(model, stage, own, { done, of })
    } finally {
      await runner.drop(residentsOf({ visual }))
    }
    latents = found.latents
    skippedSteps += found.skippedSteps
    done += next.steps
  }
  return { ...found, latents, skippedSteps }
}
