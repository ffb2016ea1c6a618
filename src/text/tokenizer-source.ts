import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CheckpointError } from '../errors.ts'
import { listedPairTokenizer, scoredPairTokenizer, type TokenizerFiles } from './byte-pair-tokenizers.ts'
import { t5Config, tokenizerOfModel, unigramTokenizer } from './sentencepiece.ts'
import {
  parseTokenizerConfig,
  parseTokenizerJson,
  readTokenizerFiles,
  readTokenizerJson,
} from './tokenizer-files.ts'
import type { TokenizerJson } from './tokenizer-json.ts'

/** Where a tokenizer comes from. Nothing is read before it is asked for. */
export interface TokenizerSource {
  /** For messages. */
  readonly name: string
  read(): Promise<TokenizerFiles>
}

/** The folder `tokenizer/` of a model. */
export function tokenizerFolder(folder: string): TokenizerSource {
  return { name: folder, read: () => readTokenizerFiles(folder) }
}

/** A SentencePiece model that another file holds. */
export function sentencePieceModel(name: string, bytes: () => Promise<Uint8Array>): TokenizerSource {
  return { name, read: async () => tokenizerOfModel(await bytes(), name) }
}

/** The files of a tokenizer that another file holds. */
export function packedTokenizer(
  name: string,
  files: { readonly json: () => Promise<Uint8Array>; readonly config?: () => Promise<Uint8Array> },
): TokenizerSource {
  return {
    name,
    read: async () => {
      const json = parseTokenizerJson(await files.json(), name)
      const config = files.config && parseTokenizerConfig(await files.config(), name)
      return { json, config: config ?? configOf(json) }
    },
  }
}

/** A vocabulary in the header of a GGUF file, under llama.cpp's names; undefined where there is none that can be read. */
export function ggufTokenizer(
  name: string,
  values: ReadonlyMap<string, unknown>,
): TokenizerSource | undefined {
  const list = (key: string) => {
    const value = values.get(`tokenizer.ggml.${key}`)
    return Array.isArray(value) ? (value as unknown[]) : undefined
  }
  const idOf = (key: string, unless: number) => Number(values.get(`tokenizer.ggml.${key}_token_id`) ?? unless)
  const [tokens, scores, kinds] = [list('tokens'), list('scores'), list('token_type')]
  if (!tokens || !kinds) return undefined
  const pieces = () =>
    tokens.map((text, index) => {
      return { text: String(text), score: Number(scores?.[index] ?? 0), kind: Number(kinds[index] ?? 1) }
    })
  const kind = values.get('tokenizer.ggml.model')
  if (kind === 't5' && scores) {
    const charsmap = Uint8Array.from(list('precompiled_charsmap') ?? [], Number)
    const unigram = () => ({ pieces: pieces(), charsmap, unknown: idOf('unknown', 2), type: 1 })
    return {
      name,
      read: async () => ({ json: unigramTokenizer(unigram(), name, new Map()), config: t5Config }),
    }
  }
  if (kind === 'llama' && scores) {
    const ids = { unknown: idOf('unknown', 3), begin: idOf('bos', 2), padding: idOf('padding', 0) }
    return { name, read: async () => scoredPairTokenizer({ pieces: pieces(), ...ids }, name) }
  }
  const merges = list('merges')
  if (kind !== 'gpt2' || !merges) return undefined
  const words = String(values.get('tokenizer.ggml.pre'))
  const vocabulary = { pieces: pieces(), merges: merges.map(String), words, padding: idOf('padding', -1) }
  const read = listedPairTokenizer(vocabulary)
  return read && { name, read: async () => read }
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
    return {
      name: path,
      read: async () => {
        const json = await readTokenizerJson(path)
        return { json, config: configOf(json) }
      },
    }
  }
  if (found?.isFile()) return sentencePieceModel(path, async () => await readFile(path))
  throw new CheckpointError('checkpoint/not-found', {
    subject: `tokenizer ${path}`,
    expected: 'a folder with tokenizer.json or spiece.model, or one of these files',
    got: found ? 'a folder without them' : 'nothing there',
    advice: 'They are in the folder tokenizer/ of the model on the hub.',
  })
}

/** What tokenizer_config.json would say of a tokenizer that comes without it: T5's, or padding where pairs of bytes have it. */
function configOf(json: TokenizerJson): TokenizerFiles['config'] {
  if ((json.model.type ?? 'Unigram') === 'Unigram') return t5Config
  const padding = ['<pad>', '<|endoftext|>'].find(each =>
    json.added_tokens.some(({ content }) => content === each),
  )
  return { pad_token: padding }
}
