import { checkAborted } from '../errors.ts'
import { toLatent } from '../geometry/video-geometry.ts'
import type { Picture } from '../media/read-picture.ts'
import { listed, type Notify } from '../notices.ts'
import { isGuided } from '../sampling/guidance.ts'
import type { NoiseGenerator } from '../tensor/random.ts'
import { isResident } from '../tensor/resident.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { encodeClip } from './encode.ts'
import type {
  Conditions,
  Model,
  ResidentTensor,
  RunGraph,
  TextConditioning,
  VisualConditioning,
  VisualContext,
  VisualInputs,
} from './family.ts'
import { type GeneratePlan, modesOf } from './fields/request-fields.ts'
import type { GraphRunner } from './graph-runner.ts'
import { guidancesOf } from './velocity.ts'
import { readVisualInputs } from './visual.ts'
import { withinMemory } from './within-memory.ts'

/** Of a request without pictures and clips. */
export const noInputs: VisualInputs = {
  image: undefined,
  lastImage: undefined,
  keyframes: [],
  video: undefined,
  mask: undefined,
  references: [],
}

/** Where conditions are made, and what of. */
export interface ConditionContext {
  readonly noise: NoiseGenerator
  readonly runner: ConditionRunner
  readonly signal: AbortSignal
  readonly notify: Notify
  /** Latents that a later stage goes on from. */
  readonly from?: readonly Tensor[] | undefined
}

interface ConditionRunner
  extends Pick<GraphRunner, 'keyMultiple' | 'run' | 'runForPrompt' | 'drop' | 'memory' | 'shrink'> {
  /** As `run`, for graphs that encode clips. @default run */
  readonly runForClips?: RunGraph
}

/** Reads the request's files and makes the conditions of both guidance branches. */
export async function condition(
  model: Model,
  plan: GeneratePlan,
  context: ConditionContext,
  opening?: readonly Picture[],
): Promise<Conditions> {
  const { signal, notify } = context
  const shown = opening !== undefined || modesOf(plan).length > 0
  const inputs = shown ? await readVisualInputs(plan, signal, notify, opening, model.facts) : noInputs
  return await conditionOn(model, plan, inputs, context)
}

/** Makes the conditions of both guidance branches of what was read. */
export async function conditionOn(
  model: Model,
  plan: GeneratePlan,
  inputs: VisualInputs,
  context: ConditionContext,
): Promise<Conditions> {
  const { runner, signal, notify } = context
  const guides = guidancesOf(model, plan)[0]!.some(isGuided)
  const prompts = guides ? [plan.prompt, plan.negativePrompt] : [plan.prompt]
  const { keyMultiple, runForPrompt = runner.run } = runner
  const run: RunGraph = async (...graph) => {
    checkAborted(signal)
    return await runForPrompt(...graph)
  }
  const texts = await model.conditionText({ prompts, textTokens: plan.textTokens, keyMultiple }, run)
  for (const [index, made] of texts.entries()) {
    noticeText(['prompt', 'negative prompt'][index]!, prompts[index]!, made, notify)
    const { length = plan.textTokens } = made
    // The model's own number is nobody's wish.
    if (plan.textTokens === model.facts.textTokens || length >= plan.textTokens) continue
    const used = `${length} are used, the most that the model's tokenizer takes`
    notify('request/rounded', `maxTextTokens: ${used}, of the ${plan.textTokens} asked for.`)
  }
  const [conditional, unconditional] = texts
  const visual = await visualConditions(model, plan, inputs, context)
  return { conditional: conditional!, ...(unconditional && { unconditional }), visual }
}

/** What the network sees of the request's pictures and clips. */
export async function visualConditions(
  model: Model,
  plan: GeneratePlan,
  inputs: VisualInputs,
  { noise, runner, signal, notify, from }: ConditionContext,
): Promise<VisualConditioning> {
  checkAborted(signal)
  const { run, runForClips = run } = runner
  const { encoder, geometry } = model.facts
  const drop = (residents: Iterable<ResidentTensor>) => runner.drop(residents)
  const encode: VisualContext['encode'] = (pictures, feeds) => {
    if (!encoder)
      throw new TypeError(`${model.facts.family}: expected an encoder that works in chunks, got none.`)
    const { temporalStride } = geometry
    return withinMemory(runner, ({ chunk }) => {
      const settings = { encoder, temporalStride, chunk, run: runForClips, drop, signal }
      return encodeClip({ ...settings, pictures, feeds })
    })
  }
  const { width, height, frames, fps } = plan
  const clip = { width, height, frames, fps, size: toLatent(geometry, plan), plan }
  return await model.conditionVisual(inputs, { ...clip, noise, run, encode, notify, ...(from && { from }) })
}

const longestShown = 40

function noticeText(
  subject: string,
  text: string,
  { tokens, truncated, cutParts = [], unknown = [] }: TextConditioning,
  notify: Notify,
): void {
  if (truncated) {
    const shown = JSON.stringify(text.length > longestShown ? `${text.slice(0, longestShown)}…` : text)
    const cut = `only its first ${tokens} tokens count for this model; the rest is cut off`
    notify('prompt/truncated', `${subject}: ${cut} (${shown}).`)
  }
  for (const part of cutParts) notify('prompt/truncated', `${subject}: ${part}.`)
  if (unknown.length > 0) {
    const words = listed(unknown.map(word => JSON.stringify(word)))
    notify('prompt/unknown-words', `${subject}: the model's tokenizer does not know all of ${words}.`)
  }
}

/** What the conditions hold on the device. */
export function residentsOf({ conditional, unconditional, visual }: Partial<Conditions>): ResidentTensor[] {
  const feeds = [conditional, unconditional, visual].flatMap(each => each?.feeds ?? [])
  return feeds.flatMap(byName => Object.values(byName)).filter(isResident)
}
