import { CheckpointError, FramewrightError, invalidRequest, messageOf, type RequestError } from '../errors.ts'
import type { TokenizerConfig } from './tokenizer-config.ts'
import type { TokenizerJson } from './tokenizer-json.ts'
import { buildTokenizer, type LibraryTokenizer } from './tokenizer-parts.ts'
import { type TokenizerSource, tokenizerFolder } from './tokenizer-source.ts'
import { asTransformersReads } from './transformers-rules.ts'

/** A prompt as a text encoder takes it: `length` ids, padded on the right. */
export interface EncodedPrompt {
  /** [length] token ids. */
  readonly ids: BigInt64Array
  /** [length] 1 for a token of the prompt, 0 for padding. */
  readonly mask: BigInt64Array
  /** How many ids are not padding, closing token included. */
  readonly tokens: number
  /** Whether the prompt had more tokens than fit. */
  readonly truncated: boolean
  /** Words with characters that are not in the vocabulary. */
  readonly unknown: readonly string[]
}

export interface PromptTokenizer {
  /** The longest sequence the text encoder was trained for, where tokenizer_config.json says so. */
  readonly modelMaxLength: number | undefined
  /**
   * Ids of a text, padded and truncated to `length` like transformers' `padding="max_length", truncation=True`:
   * special tokens around the text (`</s>` at its end) stay when the text is cut.
   * @throws RequestError when the special tokens alone do not fit
   */
  readonly encode: (text: string, options: EncodeOptions) => EncodedPrompt
}

export interface EncodeOptions {
  readonly length: number
  /** A token that is put in front of ids that do not begin with it. @default none */
  readonly first?: number | undefined
}

export interface OpenTokenizerOptions {
  /**
   * `left` where the model puts the padding before the tokens by itself, whatever the tokenizer says of it.
   * @default what is padded is padded on the right
   */
  readonly paddingSide?: 'left'
}

/** A `model_max_length` past this is transformers' way to say that there is none. */
const largestModelLength = 1e6

/** A tokenizer that is opened when it is first asked for. */
export function tokenizerOnDemand(...from: Parameters<typeof openTokenizer>): () => Promise<PromptTokenizer> {
  let opening: Promise<PromptTokenizer> | undefined
  return () => {
    opening ??= openTokenizer(...from)
    return opening
  }
}

/**
 * Opens the tokenizer of a checkpoint (its `tokenizer/` folder with tokenizer.json and tokenizer_config.json, or where
 * else it comes from), giving the ids that transformers gives for it.
 * @throws CheckpointError when a file is missing, malformed or asks for something that is not supported
 */
export async function openTokenizer(
  from: string | TokenizerSource,
  { paddingSide }: OpenTokenizerOptions = {},
): Promise<PromptTokenizer> {
  const source = typeof from === 'string' ? tokenizerFolder(from) : from
  const { json, config } = await source.read()
  if (config.padding_side === 'left' && paddingSide !== 'left') {
    throw new CheckpointError('checkpoint/config', {
      subject: `tokenizer ${source.name}, padding_side`,
      expected: 'right, for this model',
      got: 'left',
    })
  }
  try {
    return promptTokenizer(asTransformersReads(json, config), config)
  } catch (cause) {
    if (FramewrightError.is(cause)) throw cause
    throw new CheckpointError(
      'checkpoint/config',
      {
        subject: `tokenizer ${source.name}`,
        expected: 'a tokenizer that can be built',
        got: messageOf(cause),
      },
      { cause },
    )
  }
}

/** A tokenizer that follows its file to the letter. */
export function promptTokenizer(json: TokenizerJson, config: TokenizerConfig): PromptTokenizer {
  const tokenizer = buildTokenizer(json, config)
  const { prefix, suffix } = surroundings(tokenizer)
  const padId = padIdOf(tokenizer, json, config)
  const maxLength = config.model_max_length ?? Number.POSITIVE_INFINITY
  return {
    modelMaxLength: maxLength > largestModelLength ? undefined : maxLength,
    encode: (text, { length, first }) => {
      const body = tokenizer.encode(text, { add_special_tokens: false }).ids
      const leading = first === undefined || [...prefix, ...body][0] === first ? prefix : [first, ...prefix]
      const room = length - leading.length - suffix.length
      if (!(Number.isSafeInteger(length) && room >= 0)) throw tooShort(length, leading.length + suffix.length)
      const ids = [...leading, ...body.slice(0, room), ...suffix]
      return {
        ids: BigInt64Array.from({ length }, (_, index) => BigInt(ids[index] ?? padId)),
        mask: BigInt64Array.from({ length }, (_, index) => (index < ids.length ? 1n : 0n)),
        tokens: ids.length,
        truncated: body.length > room,
        unknown: unknownWords(tokenizer, text, body),
      }
    },
  }
}

/** The words of a text that hold the unknown token, where its ids do. */
function unknownWords(tokenizer: LibraryTokenizer, text: string, ids: readonly number[]): string[] {
  const unknownId = tokenizer.model.unk_token_id
  if (unknownId === undefined || !ids.includes(unknownId)) return []
  const words = new Set(text.split(/\s+/).filter(Boolean))
  return [...words].filter(word =>
    tokenizer.encode(word, { add_special_tokens: false }).ids.includes(unknownId),
  )
}

/** The special tokens that the tokenizer puts before and after any text, read off one encoding with and one without. */
function surroundings(tokenizer: LibraryTokenizer): { prefix: number[]; suffix: number[] } {
  const bare = tokenizer.encode('a', { add_special_tokens: false }).ids
  const full = tokenizer.encode('a').ids
  const start = full.findIndex((_, index) => bare.every((id, offset) => full[index + offset] === id))
  if (start < 0) throw new Error('special tokens that replace the text')
  return { prefix: full.slice(0, start), suffix: full.slice(start + bare.length) }
}

function padIdOf(tokenizer: LibraryTokenizer, json: TokenizerJson, config: TokenizerConfig): number {
  const token = config.pad_token ?? ''
  const id =
    json.added_tokens.find(({ content }) => content === token)?.id ?? tokenizer.model.tokens_to_ids.get(token)
  if (id !== undefined) return id
  throw new CheckpointError('checkpoint/config', {
    subject: 'tokenizer_config.json, pad_token',
    expected: 'a token of the vocabulary',
    got: token === '' ? 'none' : JSON.stringify(token),
  })
}

function tooShort(length: number, specialTokens: number): RequestError {
  return invalidRequest('text length', `a whole number of tokens, at least ${specialTokens}`, length)
}
