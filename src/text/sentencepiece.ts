import { CheckpointError } from '../errors.ts'
import { type Piece, pieceKinds, scoredPairTokenizer, type TokenizerFiles } from './byte-pair-tokenizers.ts'
import type { TokenizerConfig } from './tokenizer-config.ts'
import type { TokenizerJson } from './tokenizer-json.ts'

/** Kinds of models, of sentencepiece's `TrainerSpec.ModelType`. */
const modelTypes = { unigram: 1, bytePairs: 2 } as const

/** What is not in a SentencePiece model of T5: its padding and end, and its length. */
export const t5Config: TokenizerConfig = {
  tokenizer_class: 'T5Tokenizer',
  pad_token: '<pad>',
  eos_token: '</s>',
  model_max_length: 512,
}

/**
 * What the files of a tokenizer would hold for a SentencePiece model: one of T5, or one of byte pairs as Gemma has.
 * @throws CheckpointError `checkpoint/config` for what is no such model
 */
export function tokenizerOfModel(bytes: Uint8Array, path: string): TokenizerFiles {
  const model = readModel(bytes, path)
  return model.type === modelTypes.bytePairs
    ? scoredPairTokenizer(model, path)
    : { json: unigramTokenizer(model, path, new Map()), config: t5Config }
}

/**
 * What tokenizer.json would hold for a SentencePiece model of T5, as transformers' `T5Converter` writes it.
 * https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
 * @param added tokens beyond the model's pieces (`<extra_id_0>`), by id
 * @throws CheckpointError `checkpoint/config` for what is no unigram model
 */
export function tokenizerJsonOf(
  bytes: Uint8Array,
  path: string,
  added: ReadonlyMap<number, string>,
): TokenizerJson {
  return unigramTokenizer(readModel(bytes, path), path, added)
}

/** What tokenizer.json would hold for the pieces of a unigram model, see `tokenizerJsonOf`. */
export function unigramTokenizer(
  { pieces, unknown, type, charsmap }: UnigramModel,
  path: string,
  added: ReadonlyMap<number, string>,
): TokenizerJson {
  if (type !== modelTypes.unigram) throw unusable(path, 'a unigram model', `one of type ${type}`)
  const end = pieces.findIndex(({ text, kind }) => kind === pieceKinds.control && text === '</s>')
  if (end < 0) throw unusable(path, 'a piece </s>', 'none')
  const special = pieces.flatMap(({ text, kind }, id) =>
    kind === pieceKinds.control || id === unknown ? [{ id, content: text, special: true }] : [],
  )
  const known = new Set(special.map(({ id }) => id))
  const beyond = [...added].flatMap(([id, content]) =>
    known.has(id) ? [] : [{ id, content, special: true }],
  )
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' as const, split: true }
  const template = [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }]
  return {
    added_tokens: [...special, ...beyond],
    normalizer: { type: 'Precompiled', precompiled_charsmap: Buffer.from(charsmap).toString('base64') },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
    post_processor: {
      type: 'TemplateProcessing',
      single: template,
      pair: template,
      special_tokens: { '</s>': { id: '</s>', ids: [end], tokens: ['</s>'] } },
    },
    decoder: metaspace,
    model: { type: 'Unigram', unk_id: unknown, vocab: pieces.map(({ text, score }) => [text, score]) },
  }
}

/** A unigram model: its pieces by id. */
export interface UnigramModel {
  readonly pieces: readonly Piece[]
  readonly unknown: number
  readonly type: number
  readonly charsmap: Uint8Array
}

function readModel(bytes: Uint8Array, path: string): UnigramModel & { begin: number; padding: number } {
  try {
    const fields = [...fieldsOf(bytes)]
    const pieces = fields.filter(({ number }) => number === 1).map(({ value }) => readPiece(bytesOf(value)))
    if (pieces.length === 0) throw new RangeError('no pieces')
    const trainer = messageAt(fields, 2)
    const normalizer = messageAt(fields, 3)
    return {
      pieces,
      type: Number(trainer.get(3) ?? modelTypes.unigram),
      unknown: idOf(trainer.get(40), 0),
      begin: idOf(trainer.get(41), 1),
      padding: idOf(trainer.get(43), -1),
      charsmap: bytesOf(normalizer.get(2) ?? new Uint8Array()),
    }
  } catch (cause) {
    throw unusable(path, 'a SentencePiece model', (cause as Error).message, cause)
  }
}

/** An int32, of which a negative one is written as 64 bits. */
function idOf(value: Field['value'] | undefined, unless: number): number {
  return typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : unless
}

function readPiece(bytes: Uint8Array): Piece {
  const fields = new Map([...fieldsOf(bytes)].map(({ number, value }) => [number, value]))
  const score = bytesOf(fields.get(2) ?? new Uint8Array(4))
  return {
    text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytesOf(fields.get(1))),
    score: new DataView(score.buffer, score.byteOffset, 4).getFloat32(0, true),
    kind: Number(fields.get(3) ?? 1),
  }
}

interface Field {
  readonly number: number
  /** A varint, or the bytes of anything else. */
  readonly value: bigint | Uint8Array
}

/** The fields of a protocol buffers message, in their order. https://protobuf.dev/programming-guides/encoding/ */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) throw new RangeError('a message that was cut off')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new RangeError('a number of more than 64 bits')
  }
  const take = (count: number) => {
    if (at + count > bytes.length) throw new RangeError('a message that was cut off')
    at += count
    return bytes.subarray(at - count, at)
  }
  while (at < bytes.length) {
    const key = Number(varint())
    const number = key >>> 3
    const wire = key & 7
    if (wire === 0) yield { number, value: varint() }
    else if (wire === 1) yield { number, value: take(8) }
    else if (wire === 2) yield { number, value: take(Number(varint())) }
    else if (wire === 5) yield { number, value: take(4) }
    else throw new RangeError(`a field of wire type ${wire}`)
  }
}

function messageAt(fields: readonly Field[], number: number): ReadonlyMap<number, Field['value']> {
  const found = fields.find(field => field.number === number)
  return new Map(found && [...fieldsOf(bytesOf(found.value))].map(field => [field.number, field.value]))
}

function bytesOf(value: Field['value'] | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new RangeError('a number in place of bytes')
}

function unusable(path: string, expected: string, got: string, cause?: unknown): CheckpointError {
  const advice = 'Download the file again; if it is whole, the tokenizer is of a kind that is not supported.'
  return new CheckpointError('checkpoint/config', { subject: path, expected, got, advice }, { cause })
}
