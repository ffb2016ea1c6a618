import { describe, expect, it } from 'vitest'
import { componentsOf, selectFiles } from '../../../src/hub/select-files.ts'

describe('componentsOf', () => {
  it('names the components that are not null', () => {
    const index = {
      _class_name: 'WanPipeline',
      boundary_ratio: 0.9,
      expand_timesteps: [1, 2],
      image_encoder: [null, null],
      vae: ['diffusers', 'AutoencoderKLWan'],
      tokenizer: ['transformers', 'T5TokenizerFast'],
    }
    expect(componentsOf(JSON.stringify(index), 'model a/b')).toEqual(['vae', 'tokenizer'])
  })

  it.each(['', '[]', '{}', '{"vae": null}', '"text"'])('refuses %j', text => {
    expect(() => componentsOf(text, 'model a/b')).toThrow(
      /^model a\/b: expected a JSON object that names components/,
    )
  })
})

describe('selectFiles', () => {
  const select = (paths: string[]) => selectFiles(paths, ['vae'], 'model a/b')

  it('takes the files of named components and the top files that describe the model', () => {
    const taken = [
      'model_index.json',
      'framewright.json',
      'vae/config.json',
      'vae/a.safetensors',
      'vae/a.txt',
    ]
    const left = [
      'README.md',
      'vae/a.png',
      'vae/a.bin',
      'vae.json',
      'other/config.json',
      'vae/onnx/config.json',
    ]
    expect(select([...taken, ...left])).toEqual(taken)
  })

  it.each([
    ['a single file', ['vae/m.safetensors'], ['vae/m.fp16.safetensors']],
    [
      'shards',
      [
        'vae/m-00001-of-00002.safetensors',
        'vae/m-00002-of-00002.safetensors',
        'vae/m.safetensors.index.json',
      ],
      ['vae/m.fp16-00001-of-00001.safetensors', 'vae/m.safetensors.index.fp16.json'],
    ],
    ['older names of shards', ['vae/m.safetensors'], ['vae/m-00001-of-00002.bf16.safetensors']],
  ])('prefers plain weights to variants of them, as %s', (_, plain, variants) => {
    expect(select([...variants, ...plain])).toEqual(plain)
  })

  it('takes one variant where there is nothing else', () => {
    expect(select(['vae/m.fp16.safetensors', 'vae/m.bf16.safetensors'])).toEqual(['vae/m.bf16.safetensors'])
    expect(select(['vae/config.json', 'vae/m.fp16.safetensors'])).toEqual([
      'vae/config.json',
      'vae/m.fp16.safetensors',
    ])
  })

  it('does not take weights of another name for plain weights', () => {
    const both = ['vae/m.fp16.safetensors', 'vae/adapter.safetensors']
    expect(select(both)).toEqual(both)
  })

  it('refuses a component without files', () => {
    expect(() => select(['model_index.json'])).toThrow(
      /^model a\/b, vae: expected a folder with its files, got none/,
    )
  })

  it('refuses a component whose weights are in another format only', () => {
    expect(() => select(['vae/config.json', 'vae/m.bin'])).toThrow(
      /expected weights as .safetensors, got vae\/m.bin/,
    )
  })
})
