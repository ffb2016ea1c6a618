/** What is repeated and measured, by question. */
import { toLatent } from '../geometry/video-geometry.ts'
import { dropNotices } from '../notices.ts'
import { condition } from '../pipeline/condition.ts'
import { decodeClip } from '../pipeline/decode.ts'
import type { GraphRecipe, Model } from '../pipeline/family.ts'
import { generate } from '../pipeline/generate.ts'
import type { GeneratePlan } from '../pipeline/request.ts'
import { networkPass, timesAtRest } from '../pipeline/velocity.ts'
import { elementCount } from '../tensor/dtype.ts'
import { createGenerator } from '../tensor/random.ts'
import { tensor } from '../tensor/tensor.ts'
import type { MeasuredRunner } from './measured-runner.ts'

/** The questions that are answered by doing the same thing again and again on one lane. */
export type RepeatedQuestion = 'step' | 'generate' | 'vae' | 'text'

export interface WorkContext {
  readonly model: Model
  readonly plan: GeneratePlan
  readonly runner: MeasuredRunner
  readonly signal: AbortSignal
}

/** Seconds of parts of a repetition, by name. */
export type Parts = Readonly<Record<string, readonly number[]>>

export interface Work {
  /** What a repetition is called: `step`, `video`, `clip`, `prompt`. */
  readonly unit: string
  /** Which graphs are run: the others have stand-ins. */
  isMeasured(model: Model): (recipe: GraphRecipe) => boolean
  /** Does once what is not measured; gives what is repeated. */
  prepare(context: WorkContext): Promise<() => Promise<Parts>>
}

export const works: Readonly<Record<RepeatedQuestion, Work>> = {
  step: {
    unit: 'step',
    isMeasured: denoises,
    prepare: prepareStep,
  },
  vae: {
    unit: 'clip',
    isMeasured: () => recipe => recipe.role === 'vae',
    prepare: async context => () => decode(context),
  },
  text: {
    unit: 'prompt',
    isMeasured: () => recipe => recipe.component === 'text_encoder',
    prepare: async context => () => encodePrompt(context),
  },
  generate: {
    unit: 'video',
    isMeasured: () => () => true,
    prepare: async context => () => makeVideo(context),
  },
}

/** The first expert's component: its network, and the context that is made of a prompt. */
export function denoises({ facts, graphs }: Model): (recipe: GraphRecipe) => boolean {
  const { component } = graphs.find(({ name }) => name === facts.experts[0].graph)!
  return recipe => recipe.component === component
}

/** A step as the product takes it: one pass of the network, and a second one where there is guidance. */
async function prepareStep({ model, plan, runner, signal }: WorkContext): Promise<() => Promise<Parts>> {
  const noise = createGenerator(plan.seed)
  // What they hold on the device lives as long as the lane.
  const conditions = await condition(model, plan, { noise, runner, signal, notify: dropNotices })
  const shapes = conditions.visual.streams.map(({ shape }) => shape)
  const denoiser = model.denoiser(shapes, plan)
  const denoise = networkPass(model, denoiser, conditions, runner.run)
  const streams = denoiser.streams.map(({ shape }) => {
    const arrays = runner.openArrays(shape)
    return { arrays, latents: arrays.upload(noise.randn(elementCount(shape))) }
  })
  const input = {
    latents: await Promise.all(streams.map(({ arrays, latents }) => arrays.feed(latents))),
    times: timesAtRest(conditions.visual.streams, 999),
    expert: 0,
  }
  const passes = conditions.unconditional ? ['conditional', 'unconditional'] : ['conditional']
  return async () => {
    const forward: number[] = []
    for (const pass of passes) {
      const started = performance.now()
      const velocities = await denoise(input, pass)
      for (const [stream, { arrays }] of streams.entries()) arrays.adopt(velocities[stream]!)
      forward.push(secondsSince(started))
    }
    for (const { arrays, latents } of streams) await arrays.keepOnly?.([latents])
    return { forward }
  }
}

async function decode({ model, plan, runner, signal }: WorkContext): Promise<Parts> {
  const { facts } = model
  const { latentFrames, latentHeight, latentWidth } = toLatent(facts.geometry, plan)
  const shape = [facts.latentChannels, latentFrames, latentHeight, latentWidth]
  const noise = createGenerator(plan.seed)
  const latents = tensor('f32', shape, noise.randn(elementCount(shape)))
  const chunks = decodeClip(model, { latents, noise, plan: { ...plan, tensors: false } }, runner, signal)
  const chunk: number[] = []
  for await (const { seconds } of chunks) chunk.push(seconds)
  return { chunk }
}

async function encodePrompt({ model, plan, runner }: WorkContext): Promise<Parts> {
  const { keyMultiple, run } = runner
  await model.conditionText({ prompts: [plan.prompt], textTokens: plan.textTokens, keyMultiple }, run)
  return {}
}

async function makeVideo({ model, plan, runner, signal }: WorkContext): Promise<Parts> {
  const step: number[] = []
  for await (const event of generate(model, plan, runner, signal)) {
    if (event.type === 'step-end') step.push(event.seconds)
    if (event.type !== 'video-end') continue
    const { conditioning, denoising, decoding } = event.seconds
    return { conditioning: [conditioning], denoising: [denoising], decoding: [decoding], step }
  }
  throw new TypeError('generate: expected a last event, got none.')
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000
}
