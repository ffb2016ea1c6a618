/** What tokenizer.json would hold for vocabularies of byte pairs that come in other files. */
import { CheckpointError } from '../errors.ts'
import type { TokenizerConfig } from './tokenizer-config.ts'
import type { TokenizerJson } from './tokenizer-json.ts'

/** Kinds of pieces, of sentencepiece's `ModelProto.SentencePiece.Type`; llama.cpp's `token_type` has the same numbers. */
export const pieceKinds = { unknown: 2, control: 3, userDefined: 4 } as const

export interface Piece {
  readonly text: string
  readonly score: number
  readonly kind: number
}

/** A tokenizer, as its two files would have it. */
export interface TokenizerFiles {
  readonly json: TokenizerJson
  readonly config: TokenizerConfig
}

/** A SentencePiece model of byte pairs: pieces by id, and the ids of those that stand for something. */
export interface ScoredPairs {
  readonly pieces: readonly Piece[]
  readonly unknown: number
  readonly begin: number
  readonly padding: number
}

/** Gemma's own name of a tab is that of its byte. */
const tab = { byte: '<0x09>', text: '\t' }

/**
 * A SentencePiece model of byte pairs as transformers' `GemmaConverter` reads it: spaces are pieces, bytes stand for what is
 * in none, and pairs are joined in the order of the scores of what they make.
 * @throws CheckpointError `checkpoint/config` for a model without tokens for the beginning and for padding
 */
export function scoredPairTokenizer(
  { pieces, unknown, begin, padding }: ScoredPairs,
  path: string,
): TokenizerFiles {
  const [beginning, pad, unk] = [begin, padding, unknown].map(id => pieces[id]?.text)
  if (beginning === undefined || pad === undefined || unk === undefined) {
    throw new CheckpointError('checkpoint/config', {
      subject: path,
      expected: 'pieces for the beginning, for padding and for unknown text',
      got: `ids ${begin}, ${padding} and ${unknown} of ${pieces.length} pieces`,
      advice: 'Give the tokenizer of the same model as --tokenizer <folder>.',
    })
  }
  const ids = new Map(pieces.map(({ text }, id) => [text, id]))
  const byte = ids.get(tab.byte)
  if (byte !== undefined && !ids.has(tab.text)) ids.set(tab.text, byte)
  const added = pieces.flatMap(({ text, kind }, id) => {
    const special = kind === pieceKinds.control || kind === pieceKinds.unknown
    return special || kind === pieceKinds.userDefined
      ? [{ id, content: text, special, normalized: false, single_word: false, lstrip: false, rstrip: false }]
      : []
  })
  const template = [{ SpecialToken: { id: beginning, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }]
  return {
    json: {
      added_tokens: added,
      normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      pre_tokenizer: {
        type: 'Split',
        pattern: { String: ' ' },
        behavior: 'MergedWithPrevious',
        invert: false,
      },
      post_processor: {
        type: 'TemplateProcessing',
        single: template,
        pair: template,
        special_tokens: { [beginning]: { id: beginning, ids: [begin], tokens: [beginning] } },
      },
      decoder: null,
      model: {
        type: 'BPE',
        unk_token: unk,
        fuse_unk: true,
        byte_fallback: true,
        vocab: Object.fromEntries(ids),
        merges: mergesOf(pieces, ids),
      },
    },
    config: { pad_token: pad },
  }
}

interface Merge {
  readonly left: string
  readonly right: string
  readonly score: number
  readonly sizes: readonly [number, number]
}

/**
 * Every way to make a piece of two others, the best score first (transformers' `generate_merges`): of one score, the longest
 * left part first, then the longest right part, then the lowest ids.
 */
function mergesOf(pieces: readonly Piece[], ids: ReadonlyMap<string, number>): [string, string][] {
  const merges = pieces.flatMap(({ text, score }): Merge[] => {
    const characters = [...text]
    const ways: Merge[] = []
    for (let at = 1; at < characters.length; at++) {
      const left = characters.slice(0, at).join('')
      const right = text.slice(left.length)
      if (ids.has(left) && ids.has(right))
        ways.push({ left, right, score, sizes: [at, characters.length - at] })
    }
    return ways.sort((a, b) => ids.get(a.left)! - ids.get(b.left)! || ids.get(a.right)! - ids.get(b.right)!)
  })
  merges.sort((a, b) => b.score - a.score || b.sizes[0] - a.sizes[0] || b.sizes[1] - a.sizes[1])
  return merges.map(({ left, right }) => [left, right])
}

/** How GPT-2's kin cut a text into words, by llama.cpp's names (`tokenizer.ggml.pre`). */
const wordPatterns: Readonly<Record<string, string>> = {
  qwen2:
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
}

/** A vocabulary of GPT-2's kind: pairs are joined in the order of a list. */
export interface ListedPairs {
  readonly pieces: readonly Omit<Piece, 'score'>[]
  /** `left right` each. */
  readonly merges: readonly string[]
  /** How words are cut, by llama.cpp's name. */
  readonly words: string
  readonly padding: number
}

/** Byte-level pairs, as transformers' Qwen2 tokenizer has them; undefined where words are cut in a way that is not known. */
export function listedPairTokenizer(vocabulary: ListedPairs): TokenizerFiles | undefined {
  const { pieces, merges, words, padding } = vocabulary
  const pattern = wordPatterns[words]
  const pad = pieces[padding]?.text
  if (pattern === undefined || pad === undefined) return undefined
  const added = pieces.flatMap(({ text, kind }, id) => {
    const special = kind === pieceKinds.control
    return special || kind === pieceKinds.userDefined
      ? [{ id, content: text, special, normalized: false, single_word: false, lstrip: false, rstrip: false }]
      : []
  })
  const known = new Set(added.map(({ id }) => id))
  const vocab = pieces.flatMap(({ text }, id) => (known.has(id) ? [] : [[text, id] as const]))
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
  return {
    json: {
      added_tokens: added,
      normalizer: { type: 'NFC' },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false } as const,
          byteLevel,
        ],
      },
      post_processor: null,
      decoder: null,
      model: { type: 'BPE', vocab: Object.fromEntries(vocab), merges: merges.map(pairOf) },
    },
    config: { pad_token: pad },
  }
}

/** The two parts of a merge: neither has a space, which byte-level pairs write as another character. */
function pairOf(merge: string): [string, string] {
  const space = merge.indexOf(' ', 1)
  return [merge.slice(0, space), merge.slice(space + 1)]
}
