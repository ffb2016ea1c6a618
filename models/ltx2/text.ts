/** How LTX-2 sees a prompt (diffusers `LTX2Pipeline.encode_prompt` and its connectors). */
import { invalidRequest } from '../../src/errors.ts'
import type { Model } from '../../src/pipeline/family.ts'
import { inTurn } from '../../src/text/in-turn.ts'
import { tokenizerOnDemand } from '../../src/text/tokenizer.ts'
import type { TokenizerSource } from '../../src/text/tokenizer-source.ts'
import type { GemmaConfig } from '../gemma/config.ts'
import { gemmaFeeds } from '../gemma/feeds.ts'
import { type Ltx2ConnectorsConfig, registersOf } from './config.ts'
import { connectorFeeds } from './connectors.ts'

export interface Ltx2TextOptions {
  /** A folder, or where else it comes from. */
  readonly tokenizer: string | TokenizerSource
  readonly textEncoder: GemmaConfig
  readonly connectors: Ltx2ConnectorsConfig
  /** Whether the transformer has a projection of its own for the text. */
  readonly projected: boolean
}

/** Tokens of a prompt unless a request says otherwise, and the most there may be. */
export const ltx2TextTokens = 1024

/**
 * Tokenizes the prompt, encodes its tokens as they stand at the end of a padded sequence, and connects them, once a prompt.
 * Everything behind the connectors is attended to, registers in the place of padding included.
 */
export function ltx2TextConditioner(options: Ltx2TextOptions): Model['conditionText'] {
  const { textEncoder, connectors, projected } = options
  const tokenizerOf = tokenizerOnDemand(options.tokenizer, { paddingSide: 'left' })
  return async ({ prompts, textTokens, keyMultiple }, run) => {
    checkLength(textTokens, registersOf(connectors))
    const tokenizer = await tokenizerOf()
    const encoded = await inTurn(prompts, async prompt => {
      const { ids, tokens, truncated, unknown } = tokenizer.encode(stripped(prompt), {
        length: textTokens,
        first: textEncoder.firstToken,
      })
      const encoder = gemmaFeeds(ids.subarray(0, tokens), textTokens - tokens, textEncoder, keyMultiple)
      const { tensors } = await run('text-encoder', encoder)
      return { states: tensors.states!, about: { tokens, truncated, unknown } }
    })
    const keep = () => true
    const connected = await inTurn(encoded, ({ states, about: { tokens } }) => {
      const sizes = { rows: states.shape[1]!, tokens, length: textTokens }
      const feeds = { states, ...connectorFeeds(connectors, sizes) }
      return run('connectors', feeds, projected ? {} : { keep })
    })
    const made = projected
      ? await inTurn(connected, ({ tensors }) => {
          const feeds = { 'connected.video': tensors.video!, 'connected.audio': tensors.audio! }
          return run('caption', feeds, { keep })
        })
      : connected
    return made.map(({ residents }, index) => {
      const texts = { text: residents.video!, 'audio.text': residents.audio! }
      return { feeds: [texts], ...encoded[index]!.about }
    })
  }
}

/** @throws RequestError for a length that registers do not fill */
function checkLength(length: number, registers: number): void {
  if (length % registers === 0) return
  const below = Math.floor(length / registers) * registers
  const nearest = [below, below + registers].filter(each => each >= registers)
  throw invalidRequest(
    'maxTextTokens',
    `a multiple of ${registers}, the registers that stand for padding, for this model`,
    length,
    `Use ${nearest.join(' or ')}.`,
  )
}

/** Python's `str.strip()`. */
function stripped(text: string): string {
  const characters = [...text]
  const first = characters.findIndex(character => !isSpace(character))
  return characters.slice(first, characters.findLastIndex(character => !isSpace(character)) + 1).join('')
}

/** Python's `str.isspace()`: Unicode's white space, and the separators of ASCII. */
function isSpace(character: string): boolean {
  return /\p{White_Space}/u.test(character) || (character >= '\u001c' && character <= '\u001f')
}
