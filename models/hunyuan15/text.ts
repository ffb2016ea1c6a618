/** How HunyuanVideo 1.5 sees a prompt (diffusers `HunyuanVideo15Pipeline.encode_prompt`). */
import { CheckpointError } from '../../src/errors.ts'
import type { Model, PromptsRequest, RunGraph } from '../../src/pipeline/family.ts'
import { sliceAxis } from '../../src/tensor/axis.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { inTurn } from '../../src/text/in-turn.ts'
import { tokenizerOnDemand } from '../../src/text/tokenizer.ts'
import type { TokenizerSource } from '../../src/text/tokenizer-source.ts'
import type { Qwen2Config } from '../qwen2/config.ts'
import { qwen2Feeds } from '../qwen2/encoder.ts'
import type { T5Config } from '../t5/config.ts'
import { encoderFeeds } from '../t5/feeds.ts'
import { type GlyphTokenizer, glyphText, glyphTokens, openGlyphTokenizer } from './glyphs.ts'

export interface HunyuanTextOptions {
  /** A folder, or where else it comes from. */
  readonly tokenizer: string | TokenizerSource
  readonly textEncoder: Qwen2Config
  /** The folder of the ByT5 tokenizer. */
  readonly glyphTokenizer: string
  readonly glyphEncoder: T5Config
  /** Width of the transformer's tokens. */
  readonly model: number
}

/** What the language model is asked to do; the runs of spaces are those that it was trained with. */
const systemMessage = [
  'You are a helpful assistant. Describe the video by detailing the following aspects:',
  '1. The main content and theme of the video.',
  '2. The color, shape, size, texture, quantity, text, and spatial relationships of the objects.',
  '3. Actions, events, behaviors temporal relationships, physical movement changes of the objects.',
  '4. background environment, light, style and atmosphere.',
  '5. camera angles, movements, and transitions used in the video.',
].join(' '.repeat(9))

/** Tokens of the chat before the prompt, which the transformer does not see. */
export const templateTokens = 108

/** Layers at the end of the language model that are left out. */
export const skippedLayers = 2

function chat(prompt: string): string {
  const turn = (role: string, content: string) => `<|im_start|>${role}\n${content}<|im_end|>\n`
  return `${turn('system', systemMessage)}${turn('user', prompt || ' ')}<|im_start|>assistant\n`
}

/**
 * The hidden states of a prompt in its chat, without what comes before it, as `text`; and what it has in quotes as tokens of
 * the transformer, `glyph`, of which there may be none. Rows of padding are left out: no token sees them.
 */
export function hunyuanTextConditioner(options: HunyuanTextOptions): Model['conditionText'] {
  const tokenizerOf = tokenizerOnDemand(options.tokenizer)
  let openingGlyphs: Promise<GlyphTokenizer> | undefined
  const encodedGlyphs = async (text: string) => {
    openingGlyphs ??= openGlyphTokenizer(options.glyphTokenizer)
    return (await openingGlyphs).encode(text)
  }
  return async ({ prompts, textTokens, keyMultiple }, run) => {
    const tokenizer = await tokenizerOf()
    const length = templateTokens + textTokens
    const encoded = await inTurn(prompts, async prompt => {
      const { ids, tokens, truncated } = tokenizer.encode(chat(prompt), { length })
      if (tokens <= templateTokens) throw wrongTokenizer(options.tokenizer, tokens)
      const { tensors } = await run('text-encoder', qwen2Feeds(ids.subarray(0, tokens), options.textEncoder))
      const text = sliceAxis(tensors.embeddings!, 1, templateTokens, tokens) // [1, tokens, textDim]
      return { text, about: { tokens: tokens - templateTokens, truncated } }
    })
    const glyphs = await inTurn(prompts, async prompt => {
      const quoted = glyphText(prompt)
      return quoted === undefined ? undefined : await encodedGlyphs(quoted)
    })
    const glyph = await glyphFeeds(
      glyphs.map(each => each?.ids),
      { ...options, keyMultiple },
      run,
    )
    return encoded.map(({ text, about }, index) => {
      const cut = `of the text in quotes only ${glyphTokens - 1} bytes are drawn`
      const cutParts = glyphs[index]?.truncated ? [cut] : []
      return { feeds: [{ text, ...glyph[index] }], ...about, cutParts }
    })
  }
}

/** Glyph tokens of every prompt; those without quoted text have none. */
async function glyphFeeds(
  prompts: readonly (BigInt64Array | undefined)[],
  {
    glyphEncoder,
    model,
    keyMultiple,
  }: Pick<HunyuanTextOptions, 'glyphEncoder' | 'model'> & Pick<PromptsRequest, 'keyMultiple'>,
  run: RunGraph,
) {
  const encoded = await inTurn(prompts, async ids => {
    if (!ids) return undefined
    const { tensors } = await run('glyph-encoder', encoderFeeds(ids, glyphEncoder, keyMultiple))
    return sliceAxis(tensors.embeddings!, 1, 0, ids.length) // [1, glyph, glyphDim]
  })
  return await inTurn(encoded, async states => {
    if (!states) return { glyph: noRows(model) }
    return (await run('glyph-context', { states }, { keep: () => true })).residents
  })
}

function wrongTokenizer(from: string | TokenizerSource, tokens: number): CheckpointError {
  return new CheckpointError('checkpoint/config', {
    subject: `tokenizer ${typeof from === 'string' ? from : from.name}`,
    expected: `that of Qwen2.5-VL, for which a chat has ${templateTokens} tokens before the prompt`,
    got: `one for which all of it has ${tokens}`,
    advice: 'Put the tokenizer of the text encoder into the folder.',
  })
}

/** No tokens: [1, 0, model]. */
export function noRows(model: number) {
  return tensor('f32', [1, 0, model], new Float32Array())
}
