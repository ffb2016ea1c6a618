import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CheckpointError, messageOf } from '../errors.ts'
import { wrongField } from '../schema-issue.ts'
import { systemReasonOf } from '../system-errors.ts'
import { tokenizerJsonOf } from './sentencepiece.ts'
import { type TokenizerConfig, tokenizerConfig } from './tokenizer-config.ts'
import { type TokenizerJson, tokenizerJson } from './tokenizer-json.ts'

/**
 * Reads the two files of a tokenizer folder; where tokenizer.json is missing, `spiece.model` stands for it.
 * @throws CheckpointError when one is missing, is not JSON or holds a value that is not supported
 */
export async function readTokenizerFiles(
  folder: string,
): Promise<{ json: TokenizerJson; config: TokenizerConfig }> {
  const config = await readJson(join(folder, 'tokenizer_config.json'), tokenizerConfig)
  const path = join(folder, 'spiece.model')
  const model = await readFile(path).catch(() => undefined)
  const json =
    model !== undefined && !existsSync(join(folder, 'tokenizer.json'))
      ? tokenizerJsonOf(model, path, await addedTokens(folder, config))
      : await readJson(join(folder, 'tokenizer.json'), tokenizerJson)
  return { json, config }
}

/** Reads a tokenizer.json. @throws CheckpointError when it is missing or malformed */
export async function readTokenizerJson(path: string): Promise<TokenizerJson> {
  return await readJson(path, tokenizerJson)
}

/** Reads the bytes of a tokenizer.json that another file holds. @throws CheckpointError when they are none */
export function parseTokenizerJson(bytes: Uint8Array, name: string): TokenizerJson {
  return parsed(textOf(bytes), name, tokenizerJson)
}

/** Reads the bytes of a tokenizer_config.json that another file holds. @throws CheckpointError when they are none */
export function parseTokenizerConfig(bytes: Uint8Array, name: string): TokenizerConfig {
  return parsed(textOf(bytes), name, tokenizerConfig)
}

const downloadAgain = 'Download the file again.'

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** Tokens that were added to a SentencePiece model: older folders list them in a file, newer ones in the configuration. */
async function addedTokens(folder: string, config: TokenizerConfig): Promise<ReadonlyMap<number, string>> {
  const path = join(folder, 'added_tokens.json')
  const byText = existsSync(path) ? await readJson(path, z.record(z.string(), z.int().nonnegative())) : {}
  const configured = Object.entries(config.added_tokens_decoder ?? {})
  return new Map([
    ...configured.map(([id, text]) => [Number(id), text] as const),
    ...Object.entries(byText).map(([text, id]) => [id, text] as const),
  ])
}

async function readJson<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.infer<Schema>> {
  const text = await readFile(path, 'utf8').catch(cause => {
    throw unreadable(path, cause)
  })
  return parsed(text, path, schema)
}

function parsed<Schema extends z.ZodType>(text: string, path: string, schema: Schema): z.infer<Schema> {
  const json = parseJson(text, path)
  const { success, data, error } = schema.safeParse(json)
  if (success) return data
  const { field, expected, got } = wrongField(error, json, schema)
  throw new CheckpointError(
    'checkpoint/config',
    {
      subject: field === '' ? path : `${path} ${field}`,
      expected: `${expected}, as Hugging Face's tokenizer files have it`,
      got,
      advice: downloadAgain,
    },
    { cause: error },
  )
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CheckpointError(
      'checkpoint/config',
      { subject: path, expected: 'JSON', got: messageOf(cause), advice: downloadAgain },
      { cause },
    )
  }
}

function unreadable(path: string, cause: unknown): CheckpointError {
  return new CheckpointError(
    'checkpoint/not-found',
    {
      subject: path,
      expected: 'a readable file',
      got: systemReasonOf(cause)?.got ?? messageOf(cause),
      advice:
        'A model folder needs tokenizer/tokenizer_config.json, and tokenizer/tokenizer.json or tokenizer/spiece.model.',
    },
    { cause },
  )
}
