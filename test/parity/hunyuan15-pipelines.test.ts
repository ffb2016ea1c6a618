import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Engine, GenerateEvent, GenerateRequest, Tensor } from '../../src/index.ts'
import { relativeError } from '../compare.ts'
import { copyModel } from '../copied-model.ts'
import { fixture } from '../fixtures.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { engineOfCase } from './engine-of-case.ts'
import { type RecordedCall, requestOfCall } from './recorded-call.ts'
import { casesOf, expectLevels, framesFirst, joined } from './references.ts'

interface Case {
  readonly pipeline: string
  readonly seed: number
  readonly call: RecordedCall & { readonly num_frames: number }
  readonly inputs: { image?: string }
  readonly components?: Readonly<Record<string, string>>
  readonly guider: {
    readonly override: null | {
      guidance_scale?: number
      guidance_rescale?: number
      start?: number
      stop?: number
    }
  }
}

const folders = ['hunyuan15-t2v', 'hunyuan15-i2v'].map(folder => ({ folder, cases: casesOf<Case>(folder) }))
const scratch = scratchFolder()
const engineOf = engineOfCase()

describe.each(folders)('$folder', ({ folder, cases }) => {
  if (cases.length === 0) test.skip('the references are not here')

  test.each(cases)(
    '$name: from prompt, inputs and seed, every stage is what diffusers gives',
    async ({ name, about }) => {
      const model = modelOf(folder, about)
      const engine = await engineOf({ model })
      await expectReference(engine, requestOf(about, folder), folder, name)
    },
  )

  const overridden = cases.filter(({ about }) => about.guider.override !== null)
  test.each(overridden)('$name: guidance may be in the folder as well', async ({ name, about }) => {
    const model = path.join(scratch, `${folder}-${name}-guider`)
    copyModel(modelOf(folder, about), model)
    const file = path.join(model, 'guider/guider_config.json')
    const config = JSON.parse(readFileSync(file, 'utf8')) as object
    writeFileSync(file, JSON.stringify({ ...config, ...about.guider.override }))
    const { guidance: _, guidanceInterval: __, guidanceRescale: ___, ...request } = requestOf(about, folder)
    const engine = await engineOf({ model })
    await expectReference(engine, request, folder, name)
  })
})

async function expectReference(engine: Engine, request: GenerateRequest, folder: string, name: string) {
  const reference = readFixtureTensors(`${fixture(folder)}/${name}.safetensors`)
  const frames: Uint8Array[] = []
  const decoded: Float32Array[] = []
  for await (const event of engine.generate(request)) {
    if (event.type === 'step-end') checkStep(event, reference)
    if (event.type === 'frames-decoded') {
      frames.push(event.frames)
      decoded.push(event.tensors!.decoded.data as Float32Array)
    }
  }
  const expected = reference.get('decoded_video')
  if (expected) {
    expect(relativeError(joined(decoded), framesFirst(expected))).toBeLessThan(5e-4)
  }
  expectLevels(Buffer.concat(frames), reference.get('frames_uint8')!.data as Uint8Array)
}

function checkStep(
  { step, tensors }: Extract<GenerateEvent, { type: 'step-end' }>,
  reference: ReadonlyMap<string, Tensor>,
): void {
  const prefix = `step_${String(step - 1).padStart(3, '0')}`
  const pairs = [
    ['latents', tensors!.latents],
    ['noise_pred_cond', tensors!.conditional],
    ['noise_pred_uncond', tensors!.unconditional],
  ] as const
  for (const [name, ours] of pairs) {
    const expected = reference.get(`${prefix}.${name}`)
    expect(ours !== undefined, `${prefix}.${name}`).toBe(expected !== undefined)
    if (!ours || !expected) continue
    const error = relativeError(ours.data as Float32Array, expected.data as Float32Array)
    expect(error, `${prefix}.${name}`).toBeLessThan(1e-4)
  }
}

/** The folder of the model, with the components that a case replaces. */
function modelOf(folder: string, { components = {} }: Case): string {
  const whole = path.join(fixture(folder), 'model')
  if (Object.keys(components).length === 0) return whole
  const model = path.join(scratch, folder, Object.values(components).join('-'))
  if (existsSync(model)) return model
  copyModel(whole, model, Object.keys(components))
  for (const [name, from] of Object.entries(components)) {
    copyModel(path.join(fixture(folder), from), path.join(model, name))
  }
  return model
}

/** Sizes that diffusers rounds down are asked for as what it makes of them: here they are errors. */
function requestOf({ call, seed, inputs, guider }: Case, folder: string): GenerateRequest {
  const { guidance_scale, guidance_rescale, start, stop } = guider.override ?? {}
  const down = (value: number) => Math.floor(value / 16) * 16
  return {
    ...requestOfCall(call),
    ...(call.width !== undefined && { width: down(call.width) }),
    ...(call.height !== undefined && { height: down(call.height) }),
    frames: Math.floor((call.num_frames - 1) / 4) * 4 + 1,
    ...(inputs.image && { image: path.join(fixture(folder), inputs.image) }),
    ...(guidance_scale !== undefined && { guidance: guidance_scale }),
    ...(guidance_rescale !== undefined && { guidanceRescale: guidance_rescale }),
    ...(start !== undefined && { guidanceInterval: [start, stop ?? 1] as const }),
    seed,
  }
}
