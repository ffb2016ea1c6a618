/** HunyuanVideo 1.5 as single files of Tencent and of ComfyUI, against what diffusers gives for the same weights. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { GenerateRequest } from '../../src/index.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { writeGguf } from '../gguf-writer.ts'
import { keepSessionsOf } from '../kept-backend.ts'
import { openKeptEngine } from '../kept-engine.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { llamaTensors, llamaTokenizer } from './llama-names.ts'
import { originalQwen, originalTransformer, originalVae, tencentConfig } from './original-hunyuan15.ts'
import { type RecordedCall, requestOfCall } from './recorded-call.ts'
import { casesOf, expectLevels } from './references.ts'

interface Case {
  readonly seed: number
  readonly call: RecordedCall
  readonly inputs: { image?: string }
  readonly components?: { transformer?: string }
}

const scratch = keepSessionsOf(scratchFolder())

/** The cases without a guider of their own: guidance is that of the published models. */
const runs = [
  { folder: 'hunyuan15-t2v', name: 'case-1', style: 'tencent' },
  { folder: 'hunyuan15-t2v', name: 'case-1', style: 'repackaged' },
  { folder: 'hunyuan15-i2v', name: 'case-1', style: 'comfy' },
  { folder: 'hunyuan15-i2v', name: 'case-4', style: 'repackaged' },
] as const
const present = runs.flatMap(run => {
  const found = casesOf<Case>(run.folder).find(({ name }) => name === run.name)
  return found ? [{ ...run, about: found.about }] : []
})

describe.skipIf(present.length === 0)('single files', () => {
  test.each(present)('$folder $name, $style: every step is what diffusers gives', async run => {
    const { folder, name, style, about } = run
    const model = fixture(`${folder}/model`)
    const place = path.join(scratch, `${folder}-${name}-${style}`)
    const at = (kind: string, file: string) => {
      mkdirSync(path.join(place, kind), { recursive: true })
      return path.join(place, kind, file)
    }
    const network = at('diffusion_models', 'transformer.safetensors')
    const transformer = path.join(fixture(folder), about.components?.transformer ?? 'model/transformer')
    await writeSafetensors(network, originalTransformer(transformer, style))
    const task = folder.endsWith('i2v') ? 'i2v' : 't2v'
    writeFileSync(at('diffusion_models', 'config.json'), tencentConfig(transformer, task))
    await writeSafetensors(at('vae', 'vae.safetensors'), originalVae(path.join(model, 'vae')))
    const encoder = originalQwen(path.join(model, 'text_encoder'))
    const tokenizer = path.join(model, 'tokenizer')
    // One of them is a GGUF file, which has the tokenizer in its header.
    const packed = style === 'tencent'
    if (packed) {
      const tensors = llamaTensors(encoder, 'model.', 'qwen2vl')
      writeGguf(at('text_encoders', 'qwen.gguf'), tensors, llamaTokenizer(tokenizer, 'qwen2vl'))
    } else await writeSafetensors(at('text_encoders', 'qwen.safetensors'), encoder)
    copyFileSync(path.join(model, 'text_encoder/config.json'), at('text_encoders', 'config.json'))
    copyFileSync(
      path.join(model, 'text_encoder_2/model.safetensors'),
      at('text_encoders', 'byt5.safetensors'),
    )
    if (task === 'i2v') {
      copyFileSync(
        path.join(model, 'image_encoder/model.safetensors'),
        at('clip_vision', 'siglip.safetensors'),
      )
      copyFileSync(path.join(model, 'image_encoder/config.json'), at('clip_vision', 'config.json'))
    }
    const files = packed ? {} : { tokenizer }
    await using engine = await openKeptEngine({ model: network, files })
    const reference = readFixtureTensors(`${fixture(folder)}/${name}.safetensors`)
    const frames: Uint8Array[] = []
    let steps = 0
    // The makers' distilled model has another shift than the recorded run.
    const shift = about.components ? { shift: 5 } : {}
    for await (const event of engine.generate({ ...requestOf(about, folder), ...shift })) {
      if (event.type === 'step-end') {
        const expected = reference.get(`step_${String(steps++).padStart(3, '0')}.latents`)!
        const { latents } = event.tensors!
        expect(relativeError(latents.data as Float32Array, expected.data as Float32Array)).toBeLessThan(1e-4)
      }
      if (event.type === 'frames-decoded') frames.push(event.frames)
    }
    expect(steps).toBe(about.call.num_inference_steps)
    expectLevels(Buffer.concat(frames), reference.get('frames_uint8')!.data as Uint8Array)
  })
})

function requestOf({ call, seed, inputs }: Case, folder: string): GenerateRequest {
  return {
    ...requestOfCall(call),
    ...(inputs.image && { image: path.join(fixture(folder), inputs.image) }),
    seed,
  }
}
