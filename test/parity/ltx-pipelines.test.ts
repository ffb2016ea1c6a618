import { describe, expect, test } from 'vitest'
import type { GenerateEvent, GenerateRequest, Tensor } from '../../src/index.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { engineOfCase } from './engine-of-case.ts'
import { type RecordedCall, requestOfCall } from './recorded-call.ts'
import { casesOf, expectLevels, framesFirst, joined, pictureFolder, tokensFirst } from './references.ts'

interface Case {
  readonly pipeline: string
  readonly seed: number
  readonly global_seed?: number
  readonly call: RecordedCall
  readonly inputs: {
    conditions?: { frame_index: number; strength: number; image?: string; video?: string[] }[]
  }
}

const folders = ['ltx-video', 'ltx-condition'].map(folder => ({ folder, cases: casesOf<Case>(folder) }))

const scratch = scratchFolder()
const engineOf = engineOfCase()

describe.each(folders)('$folder', ({ folder, cases }) => {
  if (cases.length === 0) test.skip('the references are not here')
  test.each(cases)(
    '$name: from prompt, inputs and seed, every stage is what diffusers gives',
    async ({ name, about }) => {
      const reference = readFixtureTensors(`${fixture(folder)}/${name}.safetensors`)
      const model = `${fixture(folder)}/model`
      const engine = await engineOf({ model, pipeline: about.pipeline })
      const frames: Uint8Array[] = []
      const decoded: Float32Array[] = []
      for await (const event of engine.generate(requestOf(about, folder))) {
        if (event.type === 'step-end') checkStep(event, reference)
        if (event.type === 'frames-decoded') {
          frames.push(event.frames)
          decoded.push(event.tensors!.decoded.data as Float32Array)
        }
      }
      const expected = framesFirst(reference.get('decoded_video')!)
      expect(relativeError(joined(decoded), expected)).toBeLessThan(5e-4)
      expectLevels(Buffer.concat(frames), reference.get('frames_uint8')!.data as Uint8Array)
    },
  )
})

function requestOf({ call, seed, global_seed, inputs }: Case, folder: string): GenerateRequest {
  const file = (name: string) => `${fixture(folder)}/${name}`
  const keyframes = inputs.conditions?.map(({ frame_index, strength, image, video }) => ({
    frame: frame_index,
    strength,
    path: image ? file(image) : pictureFolder(video!.map(file), scratch),
  }))
  return {
    negativePrompt: '',
    fps: 25,
    ...requestOfCall(call),
    ...(global_seed !== undefined && { decodeSeed: global_seed }),
    ...(keyframes && { keyframes }),
    seed,
  }
}

function checkStep(
  event: Extract<GenerateEvent, { type: 'step-end' }>,
  reference: ReadonlyMap<string, Tensor>,
): void {
  const of = (name: string) => reference.get(`step_${String(event.step - 1).padStart(3, '0')}.${name}`)?.data
  const { conditional, unconditional, latents } = event.tensors!
  expect(relativeError(tokensFirst(conditional), of('noise_pred_cond') as Float32Array)).toBeLessThan(1e-4)
  expect(unconditional === undefined).toBe(of('noise_pred_uncond') === undefined)
  if (unconditional) {
    expect(relativeError(tokensFirst(unconditional), of('noise_pred_uncond') as Float32Array)).toBeLessThan(
      1e-4,
    )
  }
  expect(relativeError(tokensFirst(latents), of('latents') as Float32Array)).toBeLessThan(1e-4)
}
