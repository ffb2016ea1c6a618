/** Models of single files, in the layouts of ComfyUI and GGUF, against diffusers with the dequantised weights. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { Graph } from '../../src/graph/graph.ts'
import { cast } from '../../src/graph/ops/cast.ts'
import type { GenerateRequest } from '../../src/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { readTensorFile } from '../../src/weights/formats/read-tensor-file.ts'
import { relativeError } from '../compare.ts'
import { fixture, hasFixture } from '../fixtures.ts'
import { runGraph } from '../graph-session.ts'
import { openKeptEngine } from '../kept-engine.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { scratchFolder } from '../scratch.ts'
import { type RecordedCall, requestOfCall } from './recorded-call.ts'
import { tokensFirst } from './references.ts'

interface Case {
  readonly files: {
    model: string
    transformer_2?: string
    text_encoder?: string
    vae?: string
    image_encoder?: string
    tokenizer?: string
  }
  readonly call: RecordedCall
  readonly inputs: { image?: string }
  readonly global_seed?: number
  readonly seed: number
}

const prompts = scratchFolder()
const folders = ['formats-wan', 'formats-wan-fp8', 'formats-wan22', 'formats-wan-i2v', 'formats-ltx']
const cases = folders.flatMap(folder => {
  if (!hasFixture(`${folder}/variants`)) return []
  const root = fixture(folder)
  const files = readdirSync(path.join(root, 'variants')).filter(name => /^[^.]+\.json$/.test(name))
  return files.map(file => ({ folder, root, name: file.slice(0, -'.json'.length) }))
})

describe.skipIf(cases.length === 0)('a model of single files', () => {
  test.each(cases)('$folder: $name: every step is what diffusers gives', async ({ root, name }) => {
    const about = JSON.parse(readFileSync(path.join(root, `variants/${name}.json`), 'utf8')) as Case
    const reference = readFixtureTensors(path.join(root, `variants/${name}.safetensors`))
    const at = (file: string | undefined) => file && path.join(root, file)
    const { files } = about
    const given = {
      transformer2: at(files.transformer_2),
      textEncoder: at(files.text_encoder),
      vae: at(files.vae),
      imageEncoder: at(files.image_encoder),
      tokenizer: at(files.tokenizer),
    }
    await using engine = await openKeptEngine({
      model: at(files.model)!,
      // Many cases differ in the transformer alone.
      promptCache: prompts,
      files: Object.fromEntries(Object.entries(given).filter(([, file]) => file !== undefined)),
    })
    const frames: Uint8Array[] = []
    let steps = 0
    for await (const event of engine.generate(requestOf(about, at))) {
      if (event.type === 'step-end') {
        const prefix = `step_${String(event.step - 1).padStart(3, '0')}`
        const expected = reference.get(`${prefix}.latents`)!
        const { latents } = event.tensors!
        // Pipelines of tokens keep the latents as rows of channels.
        const ours = expected.shape.length === 3 ? tokensFirst(latents) : (latents.data as Float32Array)
        expect(relativeError(ours, expected.data as Float32Array)).toBeLessThan(1e-4)
        steps = event.step
      }
      if (event.type === 'frames-decoded') frames.push(event.frames)
    }
    expect(steps).toBe(reference.get('timesteps')!.data.length)
    const expected = reference.get('frames_uint8')!.data as Uint8Array
    const levels = Buffer.concat(frames)
    expect(levels.length).toBe(expected.length)
    const off = levels.filter((level, index) => Math.abs(level - expected[index]!) > 1).length
    expect(off / levels.length).toBeLessThanOrEqual(0.001)
  })
})

interface StoredTensor {
  readonly shape: number[]
  /** Of the dequantised float32 bytes, with −0 as +0. */
  readonly sha256?: string
  /** At some flat indices; those of rotated weights have no hash. */
  readonly values: Readonly<Record<string, number>>
}

/** The tensors of the transformer, or of the text encoder, of every case. */
const lists = cases.flatMap(({ folder, root, name }) => {
  const kinds = [
    ['model', `${name}.weights.json`],
    ['transformer_2', `${name}.transformer_2.weights.json`],
    ['text_encoder', `${name}.text_encoder.weights.json`],
  ] as const
  return kinds.flatMap(([kind, list]) => {
    const file = path.join(root, 'variants', list)
    return existsSync(file) ? [{ folder, root, name, kind, file }] : []
  })
})

describe.skipIf(lists.length === 0)('the weights of a file', () => {
  test.each(lists)(
    '$folder: $name: $kind: are decoded to the last bit',
    async ({ root, name, kind, file }) => {
      const { files } = JSON.parse(readFileSync(path.join(root, `variants/${name}.json`), 'utf8')) as Case
      const { tensors } = await readTensorFile(path.join(root, files[kind]!))
      const graph = new Graph('decode', { precision: 'f32' })
      const x = graph.input('x', 'f32', ['n'])
      const listed = JSON.parse(readFileSync(file, 'utf8')) as Record<string, StoredTensor>
      for (const key of Object.keys(listed)) {
        const weight = tensors.get(key) ?? tensors.get(`model.diffusion_model.${key}`)!
        const value = weight.encoding?.decode(graph, key, x) ?? cast(graph.weight(key, weight), 'f32')
        graph.output(`${key}.decoded`, value)
      }
      const decoded = await runGraph(graph, { x: tensor('f32', [1], new Float32Array(1)) })
      const wrong = Object.entries(listed).filter(([key, { sha256, values }]) => {
        const positive = (decoded[`${key}.decoded`]!.data as Float32Array).map(value => value + 0)
        if (sha256 === undefined) {
          return Object.entries(values).some(
            ([index, value]) => Math.abs(positive[Number(index)]! - value) > 1e-5,
          )
        }
        return createHash('sha256').update(new Uint8Array(positive.buffer)).digest('hex') !== sha256
      })
      expect(Object.keys(listed).length).toBeGreaterThan(0)
      expect(wrong.map(([key]) => key)).toEqual([])
    },
  )
})

function requestOf(
  { call, inputs, seed, global_seed }: Case,
  at: (file: string) => string | undefined,
): GenerateRequest {
  return {
    negativePrompt: '',
    ...requestOfCall(call),
    ...(global_seed !== undefined && { decodeSeed: global_seed }),
    ...(inputs.image && { image: at(inputs.image)! }),
    seed,
  }
}
