import { Tokenizer } from '@huggingface/tokenizers'
import { precompiledCharsmap } from './precompiled-charsmap.ts'
import { metaspaceSplitter, type Splitter, splitAtWhitespace } from './text-splitters.ts'
import type { TokenizerConfig } from './tokenizer-config.ts'
import type { PartConfig, TokenizerJson } from './tokenizer-json.ts'
import { type UnigramConfig, unigram } from './unigram.ts'

type Normalize = (text: string) => string

/** The library's tokenizer, as far as it is used here: it calls its parts as functions, so functions can replace them. */
export interface LibraryTokenizer {
  normalizer: (Normalize & { readonly normalizers?: readonly Normalize[] }) | null
  pre_tokenizer: (Splitter & { readonly tokenizers?: readonly Splitter[] }) | null
  model: ((words: string[]) => string[]) & {
    readonly tokens_to_ids: ReadonlyMap<string, number>
    readonly unk_token_id?: number
  }
  encode(text: string, options?: { add_special_tokens: boolean }): { ids: number[] }
}

/**
 * Builds the library's tokenizer with the parts that it only approximates replaced by exact ones, so that ids
 * equal those of Hugging Face's Rust tokenizers: its Precompiled normalizer is plain NFKC (it loses zero-width
 * joiners), its Metaspace never splits, its unknown tokens fuse across words, its lower case looks at
 * neighbours, and its Unigram takes seconds to build a large vocabulary.
 */
export function buildTokenizer(json: TokenizerJson, config: TokenizerConfig): LibraryTokenizer {
  const { model } = json
  const tokenizer: LibraryTokenizer = new Tokenizer(
    isUnigram(model) ? { ...json, model: placeholder } : json,
    config,
  )
  if (isUnigram(model)) tokenizer.model = unigramPart(model)
  tokenizer.normalizer = exactNormalizer(tokenizer.normalizer, json.normalizer)
  tokenizer.pre_tokenizer = exactSplitter(tokenizer.pre_tokenizer, json.pre_tokenizer)
  return tokenizer
}

/** Stands in for the vocabulary while the library builds the rest. */
const placeholder = { type: 'Unigram', vocab: [['<unk>', 0]], unk_id: 0 }

function isUnigram(model: TokenizerJson['model']): model is TokenizerJson['model'] & UnigramConfig {
  return (model.type ?? 'Unigram') === 'Unigram' && Array.isArray(model.vocab)
}

function unigramPart(config: UnigramConfig): LibraryTokenizer['model'] {
  const { ids, unknownId, split } = unigram(config)
  return Object.assign((words: string[]) => words.flatMap(split), {
    tokens_to_ids: ids,
    unk_token_id: unknownId,
  })
}

function exactNormalizer(
  part: LibraryTokenizer['normalizer'],
  config: PartConfig | null,
): LibraryTokenizer['normalizer'] {
  switch (config?.type) {
    case 'Precompiled':
      return config.precompiled_charsmap ? precompiledCharsmap(config.precompiled_charsmap) : null
    case 'Lowercase':
      return lowercase
    case 'Sequence': {
      const steps = config.normalizers?.map((inner, index) =>
        exactNormalizer(part?.normalizers?.[index] ?? null, inner),
      )
      return text => steps?.reduce((stepped, step) => (step === null ? stepped : step(stepped)), text) ?? text
    }
    default:
      return part
  }
}

function exactSplitter(
  part: LibraryTokenizer['pre_tokenizer'],
  config: PartConfig | null,
): LibraryTokenizer['pre_tokenizer'] {
  switch (config?.type) {
    case 'Metaspace':
      return metaspaceSplitter(config)
    case 'WhitespaceSplit':
      return splitAtWhitespace
    case 'Sequence': {
      const steps = config.pretokenizers?.map((inner, index) =>
        exactSplitter(part?.tokenizers?.[index] ?? null, inner),
      )
      return (text, { section_index = 0 } = {}) =>
        (steps ?? []).reduce<string[]>(
          (words, step) =>
            step === null
              ? words
              : words.flatMap((word, index) => step(word, { section_index: section_index + index })),
          [text],
        )
    }
    default:
      return part
  }
}

/** Lower case of every character by itself: unlike `toLowerCase` of the whole text, no final sigma. */
function lowercase(text: string): string {
  return Array.from(text, char => char.toLowerCase()).join('')
}
