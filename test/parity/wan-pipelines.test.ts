import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine, GenerateEvent, GenerateRequest, Tensor } from '../../src/index.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { openKeptEngine } from '../kept-engine.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { type RecordedCall, requestOfCall } from './recorded-call.ts'
import { casesOf, expectLevels, framesFirst, joined, pictureFolder } from './references.ts'

/** What the file of a case says was called. */
interface Case {
  readonly pipeline: string
  readonly seed: number
  readonly call: RecordedCall
  readonly inputs: {
    image?: string
    last_image?: string
    video?: string[]
    mask?: string[]
    reference_images?: string[]
  }
  readonly scheduler: { class: string; override: { shift?: number; flow_shift?: number } | null }
}

const scratch = scratchFolder()

const samplers = {
  UniPCMultistepScheduler: 'unipc',
  FlowMatchEulerDiscreteScheduler: 'euler',
  DPMSolverMultistepScheduler: 'dpm++2m',
} as const

/** The cases at hand, by folder: all of them with the full set of references, some with the committed subset. */
const folders = [
  'wan21-t2v',
  'wan21-t2v-bf16',
  'wan21-i2v',
  'wan21-flf2v',
  'wan21-v2v',
  'wan21-vace',
  'wan22-ti2v-5b',
  'wan22-t2v-a14b',
  'wan22-i2v-a14b',
]
  .map(folder => ({ folder, cases: casesOf<Case>(folder) }))
  .filter(({ cases }) => cases.length > 0)

describe.each(folders)('$folder', ({ folder, cases }) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await openKeptEngine({ model: `${fixture(folder)}/model` })
  })
  afterAll(async () => await engine[Symbol.asyncDispose]())

  test.each(cases)(
    '$name: from prompt and seed, every stage is what diffusers gives',
    async ({ name, about }) => {
      const reference = readFixtureTensors(`${fixture(folder)}/${name}.safetensors`)
      const frames: Uint8Array[] = []
      const decoded: Float32Array[] = []
      let steps = 0
      for await (const event of engine.generate(requestOf(about, folder))) {
        if (event.type === 'conditioning-ready') {
          expect(
            relativeError(...pair(event.tensors!.latents, reference.get('initial_latents')!)),
          ).toBeLessThan(1e-5)
        }
        if (event.type === 'step-end') {
          steps = event.step
          checkStep(event, reference)
        }
        if (event.type === 'frames-decoded') {
          frames.push(event.frames)
          decoded.push(event.tensors!.decoded.data as Float32Array)
        }
      }
      expect(steps).toBe(reference.get('timesteps')!.data.length)
      expect(relativeError(joined(decoded), framesFirst(reference.get('decoded_video')!))).toBeLessThan(5e-4)
      expectLevels(Buffer.concat(frames), reference.get('frames_uint8')!.data as Uint8Array)
    },
  )
})

function requestOf({ call, seed, scheduler, inputs }: Case, folder: string): GenerateRequest {
  const file = (name: string) => `${fixture(folder)}/${name}`
  const shift = scheduler.override?.shift ?? scheduler.override?.flow_shift
  return {
    negativePrompt: '',
    ...requestOfCall(call),
    frames: call.num_frames ?? inputs.video!.length,
    ...(shift !== undefined && { shift }),
    ...(inputs.image && { image: file(inputs.image) }),
    ...(inputs.last_image && { lastImage: file(inputs.last_image) }),
    ...(inputs.video && { video: pictureFolder(inputs.video.map(file), scratch) }),
    ...(inputs.mask && { mask: pictureFolder(inputs.mask.map(file), scratch) }),
    ...(inputs.reference_images && { references: inputs.reference_images.map(file) }),
    sampler: samplers[scheduler.class as keyof typeof samplers],
    seed,
  }
}

function checkStep(
  event: Extract<GenerateEvent, { type: 'step-end' }>,
  reference: ReadonlyMap<string, Tensor>,
): void {
  const of = (name: string) => reference.get(`step_${String(event.step - 1).padStart(3, '0')}.${name}`)
  const tensors = event.tensors!
  expect(relativeError(...pair(tensors.conditional, of('noise_pred_cond')!))).toBeLessThan(1e-4)
  const unconditional = of('noise_pred_uncond')
  expect(tensors.unconditional === undefined).toBe(unconditional === undefined)
  if (unconditional) expect(relativeError(...pair(tensors.unconditional!, unconditional))).toBeLessThan(1e-4)
  expect(relativeError(...pair(tensors.latents, of('latents')!))).toBeLessThan(1e-4)
}

function pair(ours: Tensor, theirs: Tensor): [Float32Array, Float32Array] {
  return [ours.data as Float32Array, theirs.data as Float32Array]
}
