/** Networks of a tiny Wan 2.1 beside what diffusers gave for them in f32, through the lane that a video goes through. */
import { families } from '../../models/index.ts'
import { openCheckpoint } from '../../src/engine/checkpoint.ts'
import { graphSource } from '../../src/engine/graph-source.ts'
import { Lane } from '../../src/engine/lane.ts'
import { decodeClip } from '../../src/pipeline/decode.ts'
import { planRequest } from '../../src/pipeline/request.ts'
import { networkPass, timesAtRest } from '../../src/pipeline/velocity.ts'
import type { Backend } from '../../src/runtime/backend.ts'
import { createGenerator } from '../../src/tensor/random.ts'
import { float32Data, reshaped, tensor } from '../../src/tensor/tensor.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { readTensor } from '../../src/weights/read-tensor.ts'
import { referenceFolder, referenceModel } from '../reference-model.ts'
import { relativeError } from './relative-error.ts'

async function open(backend: Backend) {
  const checkpoint = await openCheckpoint(await referenceModel(), families)
  const source = graphSource(checkpoint, { device: backend.device, requested: undefined })
  const { tensors } = await openWeights(referenceFolder, 'case-1')
  const reference = async (name: string) => await readTensor(tensors.get(name)!)
  return {
    model: checkpoint.model,
    fields: checkpoint.fields,
    lane: new Lane(backend, source, 'keep'),
    reference,
    tensors,
  }
}

/** The velocity of every step. */
export async function transformerErrors(backend: Backend): Promise<Record<string, number>> {
  const { model, fields, lane, reference, tensors } = await open(backend)
  const plan = planRequest({ prompt: 'a cat' }, model.facts, { fields, randomSeed: () => 0n })
  const text = await reference('prompt_embeds')
  const rows = text.shape[1]!
  const { residents } = await lane.run('context', { text }, { keep: () => true })
  const feeds = [{ ...residents, 'text.bias': tensor('f32', [1, rows], new Float32Array(rows)) }]
  const conditioning = { feeds, tokens: rows, truncated: false }
  const errors: Record<string, number> = {}
  let latents = await reference('step_000.model_input')
  for (let step = 0; ; step++) {
    const of = (what: string) => `step_${String(step).padStart(3, '0')}.${what}`
    if (!tensors.has(of('noise_pred_cond'))) break
    const stream = { shape: latents.shape.slice(1) } // [channels, frames, height, width]
    const denoiser = model.denoiser([stream.shape], plan)
    const conditions = { conditional: conditioning, visual: { feeds: [], streams: [] } }
    const denoise = networkPass(model, denoiser, conditions, lane.run)
    const timestep = Number((await reference(of('timestep'))).data[0])
    const [velocity] = await denoise({
      latents: [reshaped(latents, denoiser.streams[0]!.shape)],
      times: timesAtRest([stream], timestep),
      expert: 0,
    })
    const expected = float32Data(await reference(of('noise_pred_cond')))
    errors[`step ${step}`] = relativeError(float32Data(velocity as typeof latents), expected)
    latents = await reference(of('latents'))
  }
  await lane[Symbol.asyncDispose]()
  return errors
}

/** The decoded clip. */
export async function decoderErrors(backend: Backend): Promise<Record<string, number>> {
  const { model, fields, lane, reference } = await open(backend)
  const final = await reference('final_latents')
  const expected = await reference('decoded_video') // [1, 3, frames, height, width]
  const [, , frames, height, width] = expected.shape as [number, number, number, number, number]
  const request = { prompt: 'a cat', width, height, frames, tensors: true }
  const plan = planRequest(request, model.facts, { fields, randomSeed: () => 0n })
  const latents = reshaped(final, final.shape.slice(1))
  const context = { latents, plan, noise: createGenerator(0n) }
  const plane = height * width
  const found = new Float32Array(3 * frames * plane)
  let at = 0
  for await (const { tensors } of decodeClip(model, context, lane, new AbortController().signal)) {
    const values = float32Data(tensors.decoded) // [frames, 3, height, width]
    for (let from = 0; from < values.length; from += 3 * plane, at++) {
      for (let channel = 0; channel < 3; channel++) {
        const start = from + channel * plane
        found.set(values.subarray(start, start + plane), (channel * frames + at) * plane)
      }
    }
  }
  await lane[Symbol.asyncDispose]()
  return { clip: relativeError(found, float32Data(expected)) }
}
