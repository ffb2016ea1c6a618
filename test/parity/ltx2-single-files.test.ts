/** LTX-2 and LTX-2.3 as single files of Lightricks and of ComfyUI, against what diffusers gives for the same weights. */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { families } from '../../models/index.ts'
import { inspectFile } from '../../src/engine/inspect-file.ts'
import type { GenerateRequest } from '../../src/index.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { toFloat32 } from '../../src/weights/to-float32.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'
import { relativeError } from '../compare.ts'
import { fixture } from '../fixtures.ts'
import { q8Values, writeGguf } from '../gguf-writer.ts'
import { keepSessionsOf } from '../kept-backend.ts'
import { openKeptEngine } from '../kept-engine.ts'
import { readFixtureTensors } from '../safetensors-fixture.ts'
import { failure, scratchFolder } from '../scratch.ts'
import { llamaTensors, llamaTokenizer } from './llama-names.ts'
import { bytesTensor, type OriginalLtx2, originalLtx2, withoutPrefix } from './original-ltx2.ts'
import { type RecordedCall, requestOfCall } from './recorded-call.ts'
import { casesOf, expectLevels, tokensFirst } from './references.ts'

interface Case {
  readonly seed: number
  readonly from_stage?: object
  readonly call: RecordedCall
}

const scratch = keepSessionsOf(scratchFolder())

const releases = ['ltx2-t2v', 'ltx2.3-t2v'].flatMap(folder => {
  const cases = casesOf<Case>(folder).filter(({ about }) => about.from_stage === undefined)
  return cases.length > 0 ? [{ folder, cases: cases.slice(0, 2) }] : []
})

/** The files of a model, and the options that name those which are not found. */
interface Layout {
  readonly name: string
  write(
    parts: OriginalLtx2,
    folder: string,
    model: string,
  ): Promise<{ model: string; files: Record<string, string> }>
}

const layouts: readonly Layout[] = [
  {
    name: 'one checkpoint, and the text encoder as transformers publishes it',
    async write(parts, folder, model) {
      const file = await wholeCheckpoint(parts, folder)
      const files = {
        textEncoder: path.join(model, 'text_encoder'),
        tokenizer: path.join(model, 'tokenizer'),
      }
      return { model: file, files }
    },
  },
  {
    name: 'ComfyUI’s folders, found by themselves',
    async write(parts, folder, model) {
      const at = (name: string, file: string) => {
        mkdirSync(path.join(folder, 'models', name), { recursive: true })
        return path.join(folder, 'models', name, file)
      }
      const header = new Map([['config', parts.config]])
      const network = at('diffusion_models', 'transformer.safetensors')
      const apart = parts.projection.size === 1
      // 2.3 keeps the connectors with the transformer, and 2.0 with the projection.
      const core = new Map([...parts.transformer, ...(apart ? [] : parts.connectors)])
      await writeSafetensors(network, withoutPrefix(core, 'model.diffusion_model.'), header)
      const text = new Map([...parts.projection, ...(apart ? parts.connectors : [])])
      await writeSafetensors(at('text_encoders', 'connectors.safetensors'), text, header)
      await writeSafetensors(at('vae', 'video.safetensors'), withoutPrefix(parts.vae, 'vae.'), header)
      await writeSafetensors(at('vae', 'audio.safetensors'), parts.audio, header)
      const encoder = new Map(parts.textEncoder)
      encoder.set('tokenizer_json', bytesTensor(path.join(model, 'tokenizer/tokenizer.json')))
      encoder.set(
        'hf_asset__tokenizer_config.json',
        bytesTensor(path.join(model, 'tokenizer/tokenizer_config.json')),
      )
      await writeSafetensors(
        at('text_encoders', 'gemma.safetensors'),
        encoder,
        new Map([['gemma_config', parts.textConfig]]),
      )
      return { model: network, files: {} }
    },
  },
  {
    name: 'one checkpoint, and the text encoder as GGUF with its tokenizer',
    async write(parts, folder, model) {
      const file = await wholeCheckpoint(parts, folder)
      const textEncoder = path.join(folder, 'text/gemma.gguf')
      writeGguf(
        textEncoder,
        llamaTensors(parts.textEncoder, 'model.', 'gemma3'),
        llamaTokenizer(path.join(model, 'tokenizer'), 'gemma3'),
      )
      copyFileSync(path.join(model, 'text_encoder/config.json'), path.join(folder, 'text/config.json'))
      return { model: file, files: { textEncoder } }
    },
  },
]

/** The checkpoint of all layouts that have one. */
async function wholeCheckpoint(parts: OriginalLtx2, folder: string): Promise<string> {
  const whole = path.join(folder, '../whole')
  const file = path.join(whole, 'ltx.safetensors')
  if (existsSync(file)) return file
  mkdirSync(whole)
  return await writeCheckpoint(parts, whole)
}

async function writeCheckpoint(
  parts: OriginalLtx2,
  folder: string,
  change = (all: Map<string, Tensor>) => all,
) {
  const file = path.join(folder, 'ltx.safetensors')
  const { transformer, connectors, projection, vae, audio } = parts
  const all = new Map([...transformer, ...connectors, ...projection, ...vae, ...audio])
  await writeSafetensors(file, change(all), new Map([['config', parts.config]]))
  return file
}

if (releases.length === 0) test.skip('LTX-2 as single files: its models are not here')

describe.each(releases)('$folder as single files', ({ folder, cases }) => {
  const root = fixture(`${folder}/model`)
  const files = { textEncoder: path.join(root, 'text_encoder'), tokenizer: path.join(root, 'tokenizer') }
  const place = (name: string) => {
    const made = path.join(scratch, folder, name)
    mkdirSync(made, { recursive: true })
    return made
  }

  test('scaled fp8, as Lightricks publishes it, runs as its floats', async () => {
    const parts = originalLtx2(root)
    const [stored, floats] = ['fp8', 'floats'].map(place) as [string, string]
    const quantised = await writeCheckpoint(parts, stored, all => fp8Twins(all).stored)
    const plain = await writeCheckpoint(parts, floats, all => fp8Twins(all).floats)
    const request = { ...requestOf(cases[0]!.about), steps: 1 }
    const [ours, expected] = [
      await latentsOf(quantised, files, request),
      await latentsOf(plain, files, request),
    ]
    expect(relativeError(ours, expected)).toBeLessThan(1e-5)
  })

  test('the transformer as GGUF beside ComfyUI’s other files runs as its floats', async () => {
    const parts = originalLtx2(root)
    const run = async (name: string, quantised: boolean) => {
      const made = place(name)
      const transformer = new Map(
        [...withoutPrefix(parts.transformer, 'model.diffusion_model.')].map(([key, each]) => {
          const { shape, data } = toFloat32(each)
          return [key, tensor('f32', shape, isLayer(key, each) ? q8Values(data) : data)] as const
        }),
      )
      const model = path.join(made, 'models/unet/ltx-2-Q8_0.gguf')
      const values = { 'general.architecture': 'ltxv', config: parts.config }
      writeGguf(model, transformer, values, quantised ? isLayer : undefined)
      const header = new Map([['config', parts.config]])
      const text = new Map([...parts.projection, ...parts.connectors])
      const beside = async (kind: string, tensors: Map<string, Tensor>) => {
        mkdirSync(path.join(made, 'models', kind), { recursive: true })
        await writeSafetensors(path.join(made, 'models', kind, 'beside.safetensors'), tensors, header)
      }
      await beside('text_encoders', text)
      await beside('vae', new Map([...parts.vae, ...parts.audio]))
      return await latentsOf(model, files, { ...requestOf(cases[0]!.about), steps: 1 })
    }
    expect(relativeError(await run('q8', true), await run('q8-floats', false))).toBeLessThan(1e-5)
  })

  test('a tensor that no part has a use for is an error that names it', async () => {
    const stray = tensor('f32', [1], Float32Array.of(1))
    const file = await writeCheckpoint(
      originalLtx2(root),
      place('stray'),
      all => new Map([...all, ['stray.weight', stray]]),
    )
    const run = latentsOf(file, files, { ...requestOf(cases[0]!.about), steps: 1 })
    expect((await failure(run)).message).toMatch(
      /expected only tensors that the model uses, got 1 unexpected: stray\.weight/,
    )
  })

  test('the transformer alone is described, with the command for each part that is missing', async () => {
    const file = path.join(place('alone'), 'transformer.safetensors')
    const parts = originalLtx2(root)
    await writeSafetensors(
      file,
      withoutPrefix(parts.transformer, 'model.diffusion_model.'),
      new Map([['config', parts.config]]),
    )
    const report = await inspectFile(file, families)
    expect(report!.parts).toMatchObject([
      { family: 'ltx2', variant: folder === 'ltx2-t2v' ? 'LTX-2' : 'LTX-2.3', component: 'transformer' },
    ])
    const missing = report!.parts[0]!.missing.join('\n')
    for (const kind of ['Gemma 3', 'projection', 'connectors', 'VAE', 'vocoder', 'audio VAE'])
      expect(missing).toContain(kind)
    expect(missing.match(/framewright models pull \S+\/\S+\.safetensors/g)).toHaveLength(6)
  })

  describe.each(layouts)('$name', layout => {
    test('every step, the pictures and the sound are what diffusers gives', async () => {
      const written = await layout.write(originalLtx2(root), place(String(layouts.indexOf(layout))), root)
      await using engine = await openKeptEngine({ ...written })
      for (const { name, about } of cases) {
        const reference = readFixtureTensors(`${fixture(folder)}/${name}.safetensors`)
        const frames: Uint8Array[] = []
        let steps = 0
        for await (const event of engine.generate(requestOf(about))) {
          if (event.type === 'step-end') {
            const expected = reference.get(`step_${String(steps++).padStart(3, '0')}.latents`)!
            expect(
              relativeError(tokensFirst(event.tensors!.latents), expected.data as Float32Array),
            ).toBeLessThan(1e-4)
          }
          if (event.type === 'audio-ready') {
            const waveform = reference.get('waveform')!
            expect(event.samples.length).toBe(waveform.data.length)
            expect(relativeError(event.samples, waveform.data as Float32Array)).toBeLessThan(1e-3)
          }
          if (event.type === 'frames-decoded') frames.push(event.frames)
        }
        expect(steps).toBe(about.call.num_inference_steps)
        expectLevels(Buffer.concat(frames), reference.get('frames_uint8')!.data as Uint8Array)
      }
    })
  })
})

/** The matrices of the blocks as 8-bit floats with scales of weight and input, and as the floats that those stand for. */
function fp8Twins(all: ReadonlyMap<string, Tensor>) {
  const [stored, floats] = [new Map<string, Tensor>(), new Map<string, Tensor>()]
  const scale = 1 / 2048
  const scalar = (value: number) => tensor('f32', [], Float32Array.of(value))
  for (const [key, value] of all) {
    const layer =
      /^model\.diffusion_model\.transformer_blocks\..*\.weight$/.test(key) && value.shape.length === 2
    stored.set(key, value)
    floats.set(key, value)
    if (!layer) continue
    const codes = Uint8Array.from(
      { length: value.data.length },
      (_, at) => ((at * 37) % 120) + (at % 2) * 128,
    )
    const eight = tensor('f8e4m3', value.shape, codes)
    stored.set(key, eight)
    stored.set(`${key}_scale`, scalar(scale))
    stored.set(key.replace(/weight$/, 'input_scale'), scalar(1))
    floats.set(
      key,
      tensor(
        'f32',
        value.shape,
        toFloat32(eight).data.map(each => each * scale),
      ),
    )
  }
  return { stored, floats }
}

/** What converters quantise. */
function isLayer(key: string, { shape }: Tensor): boolean {
  return /^transformer_blocks\..*\.weight$/.test(key) && shape.length === 2 && shape[1]! % 32 === 0
}

async function latentsOf(
  model: string,
  files: Record<string, string>,
  request: GenerateRequest,
): Promise<Float32Array> {
  await using engine = await openKeptEngine({ model, files })
  for await (const event of engine.generate(request)) {
    if (event.type === 'step-end') return event.tensors!.latents.data as Float32Array
  }
  throw new Error('expected a step')
}

function requestOf({ call, seed }: Case): GenerateRequest {
  return { fps: 24, ...requestOfCall(call), seed }
}
