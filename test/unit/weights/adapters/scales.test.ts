/** Scales as PEFT 0.21, diffusers, kohya's tools and ComfyUI give them to the same files. */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Tensor, tensor } from '../../../../src/tensor/tensor.ts'
import { readAdapter } from '../../../../src/weights/adapters/adapter-file.ts'
import { writeSafetensors } from '../../../../src/weights/write-safetensors.ts'
import { scratchFolder } from '../../../scratch.ts'
import { adapterFiles, pair, zeros } from './adapter-files.ts'

const adapter = adapterFiles()
const folder = scratchFolder()
const layer = 'blocks.0.attn1.to_q'

function scalar(value: number): Tensor {
  return tensor('f32', [], Float32Array.of(value))
}

/** A header as diffusers writes it, with or without the component before each field. */
function header(fields: Record<string, unknown>, component = ''): Record<string, string> {
  const entries = Object.entries(fields).map(([key, value]) => [`${component}${key}`, value])
  return { lora_adapter_metadata: JSON.stringify(Object.fromEntries(entries)) }
}

function peft(...layers: string[]): Record<string, Tensor> {
  return Object.fromEntries(
    layers.flatMap(name => [
      [`${name}.lora_A.weight`, pair.down],
      [`${name}.lora_B.weight`, pair.up],
    ]),
  )
}

const kohya = {
  [`lora_unet_${layer}.lora_down.weight`]: pair.down,
  [`lora_unet_${layer}.lora_up.weight`]: pair.up,
}

/** The scales of the modules, or of those that are named. */
async function scalesOf(
  tensors: Record<string, Tensor>,
  metadata?: Record<string, string>,
  names?: readonly string[],
) {
  const { modules } = await adapter(tensors, metadata)
  const scales = new Map(modules.map(({ name, lowRank }) => [name, lowRank?.scale]))
  return names ? names.map(name => scales.get(name)) : modules.map(({ lowRank }) => lowRank?.scale)
}

describe('the α of a rank of 2', () => {
  const peftFields = { r: 2, lora_alpha: 8, peft_type: 'LORA', use_rslora: false, use_dora: false }
  test.each<[string, Record<string, Tensor>, Record<string, string> | undefined, number]>([
    ['nowhere', peft(layer), undefined, 1],
    ['an .alpha tensor', { ...kohya, [`lora_unet_${layer}.alpha`]: scalar(3) }, undefined, 1.5],
    ['the header, with the component', peft(layer), header(peftFields, 'transformer.'), 4],
    ['the header, without it', peft(layer), header(peftFields), 4],
    ['the header, of a wrapped model', peft(`base_model.model.${layer}`), header(peftFields), 4],
    [
      'the header, of the second expert',
      peft(`transformer_2.${layer}`),
      header(peftFields, 'transformer_2.'),
      4,
    ],
    ['lora_alpha as text', peft(`diffusion_model.${layer}`), { lora_alpha: '8', rank: '4' }, 4],
    ['network_alpha as text', peft(layer), { network_alpha: '1.0' }, 0.5],
    ['ss_network_alpha', kohya, { ss_network_alpha: '8.0', ss_network_dim: '2' }, 4],
    ['ss_network_alpha that says nothing', kohya, { ss_network_alpha: 'None' }, 1],
    [
      'ss_network_alpha and a tensor',
      { ...kohya, [`lora_unet_${layer}.alpha`]: scalar(8) },
      { ss_network_alpha: '8' },
      4,
    ],
    // musubi-tuner keeps the header when it puts the α into the matrices of lora_A and lora_B.
    ['ss_network_alpha of a converted file', peft(layer), { ss_network_alpha: '8' }, 1],
    ['a PEFT config as another pair', peft(layer), { adapter_config: JSON.stringify(peftFields) }, 4],
    ['rank-stabilised', peft(layer), header({ ...peftFields, use_rslora: true }), 8 / Math.SQRT2],
    ['rank-stabilised, as text', peft(layer), { lora_alpha: '8', use_rslora: 'True' }, 8 / Math.SQRT2],
  ])('is read from %s', async (_, tensors, metadata, scale) => {
    expect(await scalesOf(tensors, metadata)).toEqual([scale])
  })

  test('is read of each component by itself', async () => {
    const text = JSON.stringify({ 'transformer.lora_alpha': 2, 'transformer_2.lora_alpha': 8 })
    const tensors = peft(`transformer.${layer}`, `transformer_2.${layer}`)
    expect(await scalesOf(tensors, { lora_adapter_metadata: text })).toEqual([1, 4])
  })

  test('scales the bias of the up matrix, too', async () => {
    const file = await adapter({ ...peft(layer), [`${layer}.lora_B.bias`]: zeros(8) }, { lora_alpha: '8' })
    expect(file.modules[0]?.additions).toMatchObject([{ leaf: 'bias', scale: 4 }])
  })
})

describe('patterns', () => {
  const layers = ['blocks.0.attn1.to_q', 'blocks.0.attn1.to_k', 'blocks.0.attn2.to_q', 'blocks.10.attn1.to_q']
  test.each<[string, Record<string, number>, number[]]>([
    ['the end of a name from a dot on', { to_q: 8 }, [4, 1, 4, 4]],
    ['not a part of a name', { o_q: 8, 'attn1.to': 8 }, [1, 1, 1, 1]],
    ['as diffusers writes them', { '^blocks.0.attn1.to_q': 8 }, [4, 1, 1, 1]],
    ['with classes', { '.*attn1\\.to_[qk]': 16 }, [8, 8, 1, 8]],
    ['a number from a dot on', { '0.attn1.to_q': 8 }, [4, 1, 1, 1]],
    ['with alternatives', { 'to_k|attn2\\.to_q': 8 }, [1, 4, 4, 1]],
    ['the first of two', { 'attn1.to_q': 4, to_q: 8 }, [2, 1, 4, 2]],
    ['as Python writes them', { '(?P<block>blocks\\.\\d{,1})\\.attn1\\.to\\_q\\Z': 8 }, [4, 1, 1, 1]],
    ['from the start', { '\\Ablocks\\.1\\d.*': 8 }, [1, 1, 1, 4]],
    ['with a look ahead', { '^(?!.*attn2).*to_q': 8 }, [4, 1, 1, 4]],
  ])('match %s', async (_, alpha_pattern, scales) => {
    const config = { lora_alpha: 2, alpha_pattern }
    expect(await scalesOf(peft(...layers), header(config), layers)).toEqual(scales)
    const wrapped = layers.map(name => `base_model.model.${name}`)
    expect(await scalesOf(peft(...wrapped), header(config, 'transformer.'), layers)).toEqual(scales)
  })

  test('give ranks, which have to be those of the matrices', async () => {
    const config = { r: 8, lora_alpha: 8, rank_pattern: { '.*to_q': 2 }, alpha_pattern: { '.*to_q': 2 } }
    expect(await scalesOf(peft(layer), header(config))).toEqual([1])
    await expect(adapter(peft('blocks.0.attn1.to_k'), header(config))).rejects.toMatchObject({
      code: 'checkpoint/config',
      message: expect.stringContaining(
        'blocks.0.attn1.to_k: expected one rank, got 2 (its matrices) and 8 (lora_adapter_metadata in the header).',
      ),
    })
  })

  test('that are invalid are refused by name', async () => {
    for (const pattern of ['(', 'to_q(', 'a**', '(?>to_q)', '(?i:to_q)', '\\y']) {
      await expect(adapter(peft(layer), header({ alpha_pattern: { [pattern]: 1 } }))).rejects.toMatchObject({
        code: 'checkpoint/config',
        message: expect.stringContaining(
          `pattern ${JSON.stringify(pattern)}: expected a regular expression of module names, got Invalid regular`,
        ),
      })
    }
  })

  test('that backtrack without end are refused by name, in time', async () => {
    const name = `blocks.0.${'a'.repeat(60)}`
    const patterns = { to_q: 1, '(a+)+b': 2, to_k: 3 }
    const started = performance.now()
    await expect(adapter(peft(name), header({ alpha_pattern: patterns }))).rejects.toThrow(
      'pattern "(a+)+b": expected names to be matched within 1 s, got no end.',
    )
    expect(performance.now() - started).toBeLessThan(20_000)
  })

  test('of every layer of a large model are matched at once', async () => {
    const names = Array.from({ length: 400 }, (_, index) => `blocks.${index}.attn1.to_q`)
    const alpha_pattern = Object.fromEntries(names.map((name, index) => [`^${name}`, 2 * (index + 1)]))
    expect(await scalesOf(peft(...names), header({ alpha_pattern }), names)).toEqual(
      names.map((_, index) => index + 1),
    )
  })
})

describe('adapter_config.json beside the file', () => {
  async function written(name: string, file: string, config: object, metadata = {}): Promise<string> {
    const own = join(folder, name)
    await mkdir(own, { recursive: true })
    await writeFile(join(own, 'adapter_config.json'), JSON.stringify(config))
    const tensors = new Map(Object.entries(peft(`base_model.model.${layer}`)))
    await writeSafetensors(join(own, file), tensors, new Map(Object.entries(metadata)))
    return join(own, file)
  }
  const scaleOf = async (file: string) => (await readAdapter(file)).modules[0]?.lowRank?.scale
  const config = { peft_type: 'LORA', r: 2, lora_alpha: 8, alpha_pattern: {}, use_rslora: false }

  test('gives the α, under whatever name the file has', async () => {
    expect(await scaleOf(await written('a', 'adapter_model.safetensors', config))).toBe(4)
    expect(await scaleOf(await written('b', 'style.safetensors', config))).toBe(4)
  })

  test('is found beside a link, as a download cache has it', async () => {
    const file = await written('c', 'adapter_model.safetensors', config)
    const blob = join(folder, 'blob')
    await writeSafetensors(blob, new Map(Object.entries(peft(layer))))
    const link = file.replace('adapter_model', 'linked')
    await symlink(blob, link)
    expect(await scaleOf(link)).toBe(1) // adapter_model.safetensors is there: the config is its own
    const only = join(folder, 'd')
    await mkdir(only)
    await symlink(blob, join(only, 'adapter_model.safetensors'))
    await writeFile(join(only, 'adapter_config.json'), JSON.stringify(config))
    expect(await scaleOf(join(only, 'adapter_model.safetensors'))).toBe(4)
  })

  test('that contradicts the header is refused with both', async () => {
    const file = await written('e', 'adapter_model.safetensors', config, { lora_alpha: '4' })
    await expect(readAdapter(file)).rejects.toMatchObject({
      code: 'checkpoint/config',
      message: expect.stringContaining(
        `${layer}: expected one alpha, got 4 (lora_alpha in the header) and 8 (adapter_config.json).`,
      ),
    })
  })

  test('makes no adapter of the folder: the file of it has to be given', async () => {
    const file = await written('g', 'adapter_model.safetensors', config)
    await expect(readAdapter(join(folder, 'g'))).rejects.toMatchObject({
      code: 'checkpoint/not-found',
      message: `adapter ${join(folder, 'g')}: expected a .safetensors file, got a folder. Give a file of it: ${file}.`,
    })
  })

  test('that is no JSON is refused', async () => {
    const file = await written('f', 'adapter_model.safetensors', config)
    await writeFile(join(folder, 'f', 'adapter_config.json'), '{')
    await expect(readAdapter(file)).rejects.toMatchObject({
      code: 'checkpoint/config',
      message: expect.stringContaining('adapter_config.json: expected a JSON object, got "{"'),
    })
  })
})

describe('an adapter is refused', () => {
  const alpha = { [`lora_unet_${layer}.alpha`]: scalar(8) }
  test.each<[string, Record<string, Tensor>, Record<string, string>, string]>([
    [
      'a tensor and a header',
      { ...kohya, ...alpha },
      { lora_alpha: '4' },
      '8 (its .alpha) and 4 (lora_alpha in the header)',
    ],
    [
      'a tensor and kohya’s header',
      { ...kohya, ...alpha },
      { ss_network_alpha: '4' },
      '8 (its .alpha) and 4 (ss_network_alpha in the header)',
    ],
    [
      'two pairs of a header',
      peft(layer),
      { ...header({ lora_alpha: 8 }), lora_alpha: '4' },
      '8 (lora_adapter_metadata in the header) and 4 (lora_alpha in the header)',
    ],
    [
      'two ways of scaling',
      peft(layer),
      { ...header({ lora_alpha: 8, use_rslora: false }), lora_alpha: '8', use_rslora: 'true' },
      'use_rslora false (lora_adapter_metadata in the header) and use_rslora true (lora_alpha in the header)',
    ],
  ])('where %s contradict each other', async (_, tensors, metadata, got) => {
    await expect(adapter(tensors, metadata)).rejects.toThrow(`got ${got}. Remove the one that is wrong.`)
  })

  test.each<[string, object]>([
    ['DoRA (use_dora)', { use_dora: true }],
    ['LOKR (peft_type)', { peft_type: 'LOKR' }],
    [
      'one that changes the model too (init_lora_weights pissa_niter_4)',
      { init_lora_weights: 'pissa_niter_4' },
    ],
    ['aLoRA (alora_invocation_tokens)', { alora_invocation_tokens: [1] }],
  ])('that its header calls %s', async (method, fields) => {
    await expect(adapter(peft(layer), header({ ...fields }))).rejects.toThrow(
      `expected a plain LoRA, got ${method}.`,
    )
  })

  test('whose header has no number for an α', async () => {
    await expect(adapter(peft(layer), { lora_alpha: 'eight' })).rejects.toThrow(
      'expected a number, got "eight".',
    )
    await expect(adapter(peft(layer), header({ lora_alpha: 'x' }))).rejects.toThrow('a valid lora_alpha')
  })
})
