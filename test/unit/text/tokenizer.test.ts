import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CheckpointError, RequestError } from '../../../src/errors.ts'
import { openTokenizer, type PromptTokenizer, promptTokenizer } from '../../../src/text/tokenizer.ts'
import { readTokenizerFiles } from '../../../src/text/tokenizer-files.ts'
import { fixture, hasFixture } from '../../fixtures.ts'

type Ids = readonly number[]
type Flavour = 'umt5' | 't5'
type ReferencePrompt = {
  readonly text: string
  readonly wan_cleaned: string
  readonly umt5_padded_16: { readonly ids: Ids; readonly mask: Ids }
} & { readonly [ids in `${Flavour}_ids${'' | '_of_cleaned' | '_transformers'}`]: Ids } & {
  readonly [sums in `${Flavour}_padded_mask_sum`]: Readonly<Record<string, number>>
}

let prompts: ReferencePrompt[]
let folder: string

beforeAll(async () => {
  prompts = JSON.parse(await readFile(fixture('modules/tokenizer/tokenizer.json'), 'utf8')).prompts
  folder = await mkdtemp(join(tmpdir(), 'framewright-tokenizer-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const flavours = (['umt5', 't5'] as const).filter(name => hasFixture(`modules/tokenizer/${name}`))

describe.each(flavours)('the %s tokenizer', name => {
  const path = () => fixture(`modules/tokenizer/${name}`)

  it('gives the ids of the Rust tokenizers when it follows its file, for raw and for cleaned prompts', async () => {
    const { json, config } = await readTokenizerFiles(path())
    const tokenizer = promptTokenizer(json, config)
    for (const prompt of prompts) {
      expect(idsOf(tokenizer, prompt.text), prompt.text).toEqual(prompt[`${name}_ids`])
      expect(idsOf(tokenizer, prompt.wan_cleaned), prompt.text).toEqual(prompt[`${name}_ids_of_cleaned`])
    }
  })

  it('gives the ids of transformers', async () => {
    const tokenizer = await openTokenizer(path())
    for (const prompt of prompts) {
      expect(idsOf(tokenizer, prompt.text), prompt.text).toEqual(prompt[`${name}_ids_transformers`])
    }
  })

  it('counts the tokens that are not padding', async () => {
    const tokenizer = await openTokenizer(path())
    for (const prompt of prompts) {
      for (const [length, sum] of Object.entries(prompt[`${name}_padded_mask_sum`])) {
        const { mask, tokens } = tokenizer.encode(prompt.text, { length: Number(length) })
        expect([tokens, Number(mask.reduce((total, bit) => total + bit, 0n))]).toEqual([sum, sum])
      }
    }
  })
})

describe('encode', () => {
  let tokenizer: PromptTokenizer
  beforeAll(async () => {
    tokenizer = await openTokenizer(fixture('wan21-t2v/model/tokenizer'))
  })

  it('pads and truncates to a length as the Wan pipelines do', () => {
    for (const { text, wan_cleaned, umt5_padded_16 } of prompts) {
      const { ids, mask } = tokenizer.encode(wan_cleaned, { length: 16 })
      expect({ ids: Array.from(ids, Number), mask: Array.from(mask, Number) }, text).toEqual(umt5_padded_16)
    }
  })

  it('keeps the closing token of a prompt that is cut, and says that it was', () => {
    expect(tokenizer.encode('a a a', { length: 3 })).toEqual({
      ids: BigInt64Array.of(6n, 6n, 1n),
      mask: BigInt64Array.of(1n, 1n, 1n),
      tokens: 3,
      truncated: true,
      unknown: [],
    })
    expect(tokenizer.encode('a a', { length: 3 }).truncated).toBe(false)
    expect(tokenizer.encode('a', { length: 1 }).ids).toEqual(BigInt64Array.of(1n))
  })

  it('puts a first token before ids that do not begin with it', () => {
    const [word] = tokenizer.encode('a', { length: 2 }).ids
    expect(tokenizer.encode('a a a', { length: 4, first: 3 })).toMatchObject({
      ids: BigInt64Array.of(3n, word!, word!, 1n),
      tokens: 4,
      truncated: true,
    })
    expect(tokenizer.encode('a', { length: 2, first: Number(word) }).ids).toEqual(BigInt64Array.of(word!, 1n))
  })

  it.each([0, -1, 2.5, Number.NaN])('rejects a length of %d', length => {
    expect(() => tokenizer.encode('a', { length })).toThrow(RequestError)
  })
})

describe('openTokenizer', () => {
  it('reads the longest sequence from the configuration, and no number from an absurd one', async () => {
    expect((await openTokenizer(fixture('wan21-t2v/model/tokenizer'))).modelMaxLength).toBe(512)
    const endless = await variant({ model_max_length: 1e30 })
    expect((await openTokenizer(endless)).modelMaxLength).toBeUndefined()
    expect(
      (await openTokenizer(await variant({ model_max_length: undefined }))).modelMaxLength,
    ).toBeUndefined()
  })

  it('takes the padding token from an object as well as from a string', async () => {
    const tokenizer = await openTokenizer(
      await variant({ pad_token: { content: '<extra_id_0>', lstrip: false } }),
    )
    expect(tokenizer.encode('a', { length: 3 }).ids).toEqual(BigInt64Array.of(6n, 1n, 399n))
  })

  it('opens a tokenizer of the plain tokenizers class, which its file describes alone', async () => {
    const path = await toyTokenizer()
    const tokenizer = await openTokenizer(path)
    expect(tokenizer.modelMaxLength).toBe(32)
    expect(Array.from(tokenizer.encode('A red  ΟΔΟΣ', { length: 8 }).ids, Number)).toEqual([
      3, 4, 5, 6, 1, 0, 0, 0,
    ])
  })

  it('names the file that is missing', async () => {
    const error = await openTokenizer(join(folder, 'nowhere')).catch(cause => cause)
    expect(error).toBeInstanceOf(CheckpointError)
    expect(error).toMatchObject({
      code: 'checkpoint/not-found',
      message: expect.stringContaining('tokenizer.json'),
    })
  })

  it.each([
    ['not JSON', { file: 'tokenizer.json', text: '{"version": ' }, /tokenizer\.json: expected JSON/],
    [
      'no vocabulary',
      { file: 'tokenizer.json', text: '{"added_tokens": [], "model": {"type": "Unigram"}}' },
      /./,
    ],
    [
      'no model',
      { file: 'tokenizer.json', text: '{"added_tokens": []}' },
      / expected .+, as Hugging Face's tokenizer files have it, got .+\. Download the file again\.$/,
    ],
    [
      'an unknown padding token',
      { file: 'tokenizer_config.json', text: '{"pad_token": "<nil>"}' },
      /got "<nil>"/,
    ],
    ['no padding token', { file: 'tokenizer_config.json', text: '{}' }, /pad_token: .* got none/],
    ['left padding', { file: 'tokenizer_config.json', text: '{"padding_side": "left"}' }, /padding_side/],
  ])('refuses a folder with %s', async (_, { file, text }, message) => {
    const path = await variant({})
    await writeFile(join(path, file), text)
    const error = await openTokenizer(path).catch(cause => cause)
    expect(error).toMatchObject({ code: 'checkpoint/config', message: expect.stringMatching(message) })
  })
})

function idsOf(tokenizer: PromptTokenizer, text: string): number[] {
  const { ids, tokens } = tokenizer.encode(text, { length: 4096 })
  return Array.from(ids.subarray(0, tokens), Number)
}

/** A copy of the UMT5 fixture with some keys of its tokenizer_config.json changed. */
async function variant(changes: Record<string, unknown>): Promise<string> {
  const path = await mkdtemp(join(folder, 'variant-'))
  const source = fixture('wan21-t2v/model/tokenizer')
  await cp(join(source, 'tokenizer.json'), join(path, 'tokenizer.json'))
  const config = JSON.parse(await readFile(join(source, 'tokenizer_config.json'), 'utf8'))
  await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify({ ...config, ...changes }))
  return path
}

/** A lower-casing tokenizer of six pieces, saved as transformers' TokenizersBackend. */
async function toyTokenizer(): Promise<string> {
  const path = await mkdtemp(join(folder, 'toy-'))
  const special = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const pieces = [
    ['<pad>', 0],
    ['</s>', 0],
    ['<unk>', 0],
    ['▁a', -1],
    ['▁red', -2],
    ['▁', -3],
    ['▁οδοσ', -4],
  ]
  const template = [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }]
  await writeFile(
    join(path, 'tokenizer.json'),
    JSON.stringify({
      added_tokens: ['<pad>', '</s>', '<unk>'].map((content, id) => ({ id, content, ...special })),
      normalizer: { type: 'Lowercase' },
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      post_processor: { type: 'TemplateProcessing', single: template, pair: template, special_tokens: {} },
      decoder: null,
      model: { type: 'Unigram', unk_id: 2, vocab: pieces },
    }),
  )
  const config = {
    tokenizer_class: 'TokenizersBackend',
    model_max_length: 32,
    pad_token: '<pad>',
    eos_token: '</s>',
  }
  await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify(config))
  return path
}
