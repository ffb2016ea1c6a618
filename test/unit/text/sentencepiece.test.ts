import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tokenizerJsonOf } from '../../../src/text/sentencepiece.ts'
import { promptTokenizer } from '../../../src/text/tokenizer.ts'
import { readTokenizerFiles } from '../../../src/text/tokenizer-files.ts'
import type { PartConfig } from '../../../src/text/tokenizer-json.ts'
import { fixture, hasFixture } from '../../fixtures.ts'
import { failure, scratchFolder } from '../../scratch.ts'

const folder = scratchFolder()
const config = { tokenizer_class: 'T5Tokenizer', pad_token: '<pad>', eos_token: '</s>' }
const isT5 = hasFixture('modules/tokenizer/t5')
const reference = fixture(isT5 ? 'modules/tokenizer/t5' : 'wan21-t2v/model/tokenizer')

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) + 128)
  }
}

function field(number: number, value: number | Buffer): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)])
  return Buffer.concat([varint(number * 8 + 2), varint(value.length), value])
}

/** A SentencePiece model as sentencepiece writes it, of the pieces and the character map of a tokenizer.json. */
async function modelOf(tokenizer: string, type = 1): Promise<Buffer> {
  const json = JSON.parse(await readFile(join(tokenizer, 'tokenizer.json'), 'utf8')) as {
    model: { vocab: [string, number][]; unk_id: number }
    normalizer: PartConfig
  }
  const { vocab, unk_id } = json.model
  const pieces = vocab.map(([text, score], id) => {
    const number = Buffer.alloc(4)
    number.writeFloatLE(score)
    const kind = id === unk_id ? 2 : ['<pad>', '</s>'].includes(text) ? 3 : 1
    const fixed32 = Buffer.concat([varint(2 * 8 + 5), number])
    return field(1, Buffer.concat([field(1, Buffer.from(text)), fixed32, field(3, kind)]))
  })
  const trainer = field(2, Buffer.concat([field(3, type), field(40, unk_id)]))
  const { normalizers = [json.normalizer] } = json.normalizer
  const { precompiled_charsmap } = normalizers.find(({ type }) => type === 'Precompiled')!
  const charsmap = Buffer.from(precompiled_charsmap!, 'base64')
  const normalizer = field(3, Buffer.concat([field(1, Buffer.from('nmt_nfkc')), field(2, charsmap)]))
  return Buffer.concat([...pieces, trainer, normalizer])
}

test('a folder with spiece.model alone gives the ids of one with tokenizer.json', async () => {
  const only = join(folder, 'only-spiece')
  await mkdir(only)
  await writeFile(join(only, 'spiece.model'), await modelOf(reference))
  await writeFile(join(only, 'tokenizer_config.json'), JSON.stringify(config))
  const expected = await readTokenizerFiles(reference)
  const added = expected.json.added_tokens.filter(({ content }) => content.startsWith('<extra_id_'))
  const byText = Object.fromEntries(added.map(({ id, content }) => [content, id]))
  await writeFile(join(only, 'added_tokens.json'), JSON.stringify(byText))
  const { json } = await readTokenizerFiles(only)
  // T5 splits at white space before it marks the beginnings of words; the committed reference is UMT5's.
  const { normalizer, pre_tokenizer } = json
  const t5 = promptTokenizer(isT5 ? expected.json : { ...expected.json, normalizer, pre_tokenizer }, config)
  const { prompts } = JSON.parse(await readFile(fixture('modules/tokenizer/tokenizer.json'), 'utf8')) as {
    prompts: { text: string }[]
  }
  const tokenizer = promptTokenizer(json, config)
  expect(prompts.length).toBeGreaterThan(10)
  for (const { text } of prompts) {
    const options = { length: 64 }
    expect(tokenizer.encode(text, options), text).toEqual(t5.encode(text, options))
  }
})

test('tokens that were added to the model have the ids that their file gives', async () => {
  const json = tokenizerJsonOf(await modelOf(reference), 'spiece.model', new Map([[9999, '<extra_id_0>']]))
  const { ids } = promptTokenizer(json, config).encode('a <extra_id_0>', { length: 8 })
  expect([...ids].map(Number)).toContain(9999)
})

test('tokens that were added may stand in the configuration, beside those of the model', async () => {
  const configured = join(folder, 'configured')
  await mkdir(configured)
  await writeFile(join(configured, 'spiece.model'), await modelOf(reference))
  const tokens = { 1: { content: '</s>', special: true }, 9999: { content: '<extra_id_0>', special: true } }
  const json = { ...config, added_tokens_decoder: tokens }
  await writeFile(join(configured, 'tokenizer_config.json'), JSON.stringify(json))
  const read = await readTokenizerFiles(configured)
  const added = read.json.added_tokens.map(({ content }) => content)
  expect(added.filter(content => content === '</s>')).toHaveLength(1)
  const { ids } = promptTokenizer(read.json, read.config).encode('a <extra_id_0>', { length: 8 })
  expect([...ids].map(Number)).toContain(9999)
})

describe('a file is refused', () => {
  const refused = async (bytes: Uint8Array) => {
    return await failure(Promise.resolve().then(() => tokenizerJsonOf(bytes, 'spiece.model', new Map())))
  }

  test('of another kind of model', async () => {
    expect((await refused(await modelOf(reference, 2))).message).toContain(
      'spiece.model: expected a unigram model, got one of type 2.',
    )
  })

  test('that was cut off, is empty or is something else', async () => {
    const whole = await modelOf(reference)
    for (const bytes of [whole.subarray(0, 1000), Buffer.alloc(0), Buffer.from('version https://git-lfs')]) {
      expect(await refused(bytes)).toMatchObject({ code: 'checkpoint/config' })
    }
  })
})
