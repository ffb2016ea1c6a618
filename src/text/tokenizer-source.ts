import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CheckpointError } from '../errors.ts'
import { tokenizerJsonOf, unigramTokenizer } from './sentencepiece.ts'
import { readTokenizerFiles, readTokenizerJson, type TokenizerConfig } from './tokenizer-files.ts'
import type { TokenizerJson } from './tokenizer-json.ts'

/** Where a tokenizer comes from. Nothing is read before it is asked for. */
export interface TokenizerSource {
  /** For messages. */
  readonly name: string
  read(): Promise<{ json: TokenizerJson; config: TokenizerConfig }>
}

/** What is not in a SentencePiece model: T5's padding and end, and its length. */
const t5Config: TokenizerConfig = {
  tokenizer_class: 'T5Tokenizer',
  pad_token: '<pad>',
  eos_token: '</s>',
  model_max_length: 512,
}

/** The folder `tokenizer/` of a model. */
export function tokenizerFolder(folder: string): TokenizerSource {
  return { name: folder, read: () => readTokenizerFiles(folder) }
}

/** A SentencePiece model of T5 that another file holds. */
export function sentencePieceModel(name: string, bytes: () => Promise<Uint8Array>): TokenizerSource {
  return {
    name,
    read: async () => ({ json: tokenizerJsonOf(await bytes(), name, new Map()), config: t5Config }),
  }
}

/** A vocabulary in the header of a GGUF file, under llama.cpp's names; undefined where there is none. */
export function ggufTokenizer(
  name: string,
  values: ReadonlyMap<string, unknown>,
): TokenizerSource | undefined {
  const list = (key: string) => {
    const value = values.get(`tokenizer.ggml.${key}`)
    return Array.isArray(value) ? (value as unknown[]) : undefined
  }
  const tokens = list('tokens')
  const [scores, kinds] = [list('scores'), list('token_type')]
  if (!tokens || !scores || !kinds || values.get('tokenizer.ggml.model') !== 't5') return undefined
  return {
    name,
    read: async () => {
      const pieces = tokens.map((text, index) => {
        return { text: String(text), score: Number(scores[index] ?? 0), kind: Number(kinds[index] ?? 1) }
      })
      const charsmap = Uint8Array.from(list('precompiled_charsmap') ?? [], Number)
      const unknown = Number(values.get('tokenizer.ggml.unknown_token_id') ?? 2)
      return {
        json: unigramTokenizer({ pieces, charsmap, unknown, type: 1 }, name, new Map()),
        config: t5Config,
      }
    },
  }
}

/**
 * A tokenizer that a user points at: a folder with tokenizer.json or spiece.model, or one of these files.
 * @throws CheckpointError `checkpoint/not-found` for anything else
 */
export async function tokenizerAt(path: string): Promise<TokenizerSource> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory()) {
    const inside = ['tokenizer_config.json', 'tokenizer.json', 'spiece.model', 'tokenizer.model']
    for (const name of inside) {
      const file = join(path, name)
      if (!(await stat(file).catch(() => undefined))?.isFile()) continue
      return name === 'tokenizer_config.json' ? tokenizerFolder(path) : await tokenizerAt(file)
    }
  }
  if (found?.isFile() && path.endsWith('.json')) {
    const besides = join(dirname(path), 'tokenizer_config.json')
    if (await stat(besides).catch(() => undefined)) return tokenizerFolder(dirname(path))
    return { name: path, read: async () => ({ json: await readTokenizerJson(path), config: t5Config }) }
  }
  if (found?.isFile()) return sentencePieceModel(path, async () => await readFile(path))
  throw new CheckpointError('checkpoint/not-found', {
    subject: `tokenizer ${path}`,
    expected: 'a folder with tokenizer.json or spiece.model, or one of these files',
    got: found ? 'a folder without them' : 'nothing there',
    advice: 'They are in the folder tokenizer/ of the model on the hub.',
  })
}
