/** Vocabularies of byte pairs in other files than tokenizer.json, against the tokenizer.json that they were made of. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { tokenizerOfModel } from '../../../src/text/sentencepiece.ts'
import { promptTokenizer } from '../../../src/text/tokenizer.ts'
import { readTokenizerFiles } from '../../../src/text/tokenizer-files.ts'
import { ggufTokenizer } from '../../../src/text/tokenizer-source.ts'
import { fixture, hasFixture, isFixture } from '../../fixtures.ts'

interface Stored {
  readonly added_tokens: { id: number; content: string; special: boolean }[]
  readonly model: { vocab: Record<string, number>; merges: [string, string][] }
}

const gemma = 'ltx2-t2v/model/tokenizer'
const qwen = isFixture('hunyuan15-t2v/model') ? 'hunyuan15-t2v/model/tokenizer' : 'seeded/qwen-tokenizer'

const prompts = [
  'a man says “here we are”, and the sea  roars\n\nthen\tsilence.',
  'Ein Käfer läuft über 12,5 m Moos — 世界 🦊!',
  "it's the OPEN 24h sign; don't look",
  '',
]

/** The pieces of a tokenizer.json by id: kinds as sentencepiece and llama.cpp number them, and scores by the order of merges. */
function piecesOf(folder: string) {
  const { added_tokens, model } = JSON.parse(
    readFileSync(path.join(fixture(folder), 'tokenizer.json'), 'utf8'),
  ) as Stored
  const ranks = new Map(model.merges.map(([left, right], rank) => [left + right, rank]))
  const added = new Map(added_tokens.map(each => [each.content, each]))
  const ids = new Map([
    ...Object.entries(model.vocab),
    ...added_tokens.map(({ content, id }) => [content, id] as const),
  ])
  const pieces = [...ids].sort((a, b) => a[1] - b[1])
  return {
    merges: model.merges,
    pieces: pieces.map(([text]) => {
      const byte = /^<0x[0-9A-F]{2}>$/.test(text)
      const kind = text === '<unk>' ? 2 : added.has(text) ? (/^<[a-z]{3}>$/.test(text) ? 3 : 4) : byte ? 6 : 1
      return { text, kind, score: -(ranks.get(text) ?? 1e5) }
    }),
  }
}

type Pieces = ReturnType<typeof piecesOf>

async function expectSame(folder: string, read: Awaited<ReturnType<typeof readTokenizerFiles>>) {
  const whole = await readTokenizerFiles(fixture(folder))
  const [expected, ours] = [
    promptTokenizer(whole.json, whole.config),
    promptTokenizer(read.json, read.config),
  ]
  for (const prompt of prompts) {
    expect(ours.encode(prompt, { length: 96 }), prompt).toEqual(expected.encode(prompt, { length: 96 }))
  }
}

describe.skipIf(!hasFixture(gemma))('pieces with scores', () => {
  let pieces: Pieces['pieces'] = []
  beforeAll(() => {
    pieces = piecesOf(gemma).pieces
  })

  test('of a SentencePiece model give the ids of Gemma’s tokenizer', async () => {
    await expectSame(gemma, tokenizerOfModel(modelOf(pieces), 'spiece_model'))
  })

  test('of a GGUF file do as well', async () => {
    const values = new Map<string, unknown>([
      ['tokenizer.ggml.model', 'llama'],
      ['tokenizer.ggml.tokens', pieces.map(({ text }) => text)],
      ['tokenizer.ggml.scores', pieces.map(({ score }) => score)],
      ['tokenizer.ggml.token_type', pieces.map(({ kind }) => kind)],
      ['tokenizer.ggml.bos_token_id', 2],
      ['tokenizer.ggml.padding_token_id', 0],
      ['tokenizer.ggml.unknown_token_id', 3],
    ])
    await expectSame(gemma, await ggufTokenizer('a.gguf', values)!.read())
  })

  test('without a piece for padding are refused', () => {
    expect(() => tokenizerOfModel(modelOf(pieces, { padding: 99_999 }), 'spiece_model')).toThrow(
      'spiece_model: expected pieces for the beginning, for padding and for unknown text, got ids 2, 99999 and 3 of',
    )
  })
})

describe('pieces with a list of merges', () => {
  const { pieces, merges } = piecesOf(qwen)
  const values = (words: string) =>
    new Map<string, unknown>([
      ['tokenizer.ggml.model', 'gpt2'],
      ['tokenizer.ggml.pre', words],
      ['tokenizer.ggml.tokens', pieces.map(({ text }) => text)],
      ['tokenizer.ggml.token_type', pieces.map(({ kind }) => (kind === 4 ? 3 : kind))],
      ['tokenizer.ggml.merges', merges.map(pair => pair.join(' '))],
      ['tokenizer.ggml.padding_token_id', pieces.findIndex(({ text }) => text === '<|endoftext|>')],
    ])

  test('of a GGUF file give the ids of Qwen’s tokenizer', async () => {
    await expectSame(qwen, await ggufTokenizer('a.gguf', values('qwen2'))!.read())
  })

  test('that cut words in a way which is not known are left to other tokenizers', () => {
    expect(ggufTokenizer('a.gguf', values('another'))).toBeUndefined()
  })
})

/** As sentencepiece writes it: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto */
function modelOf(pieces: Pieces['pieces'], { padding = 0 } = {}): Buffer {
  const messages = pieces.map(({ text, score, kind }) => {
    const number = Buffer.alloc(5)
    number.writeUInt8(2 * 8 + 5)
    number.writeFloatLE(score, 1)
    return field(1, Buffer.concat([field(1, Buffer.from(text)), number, field(3, kind)]))
  })
  const trainer = [field(3, 2), field(40, 3), field(41, 2), field(42, 1), field(43, padding)]
  return Buffer.concat([...messages, field(2, Buffer.concat(trainer))])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}

function field(number: number, value: number | Buffer): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)])
  return Buffer.concat([varint(number * 8 + 2), varint(value.length), value])
}
