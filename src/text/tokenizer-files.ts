import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CheckpointError, messageOf } from '../errors.ts'
import { tokenizerJsonOf } from './sentencepiece.ts'
import { type TokenizerJson, tokenizerJson } from './tokenizer-json.ts'

const tokenText = z.union([
  z.string(),
  z.looseObject({ content: z.string() }).transform(token => token.content),
])

/** What is read of tokenizer_config.json. */
const tokenizerConfig = z.looseObject({
  tokenizer_class: z.string().nullish(),
  model_max_length: z.number().nullish(),
  pad_token: tokenText.nullish(),
  eos_token: tokenText.nullish(),
  padding_side: z.enum(['left', 'right']).nullish(),
  truncation_side: z.literal('right').nullish(),
  added_tokens_decoder: z.record(z.string().regex(/^\d+$/), tokenText).nullish(),
})
export type TokenizerConfig = z.infer<typeof tokenizerConfig>

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
  const parsed = schema.safeParse(parseJson(text, path))
  if (parsed.success) return parsed.data
  throw new CheckpointError(
    'checkpoint/config',
    { subject: path, expected: 'a Hugging Face tokenizer file', got: z.prettifyError(parsed.error) },
    { cause: parsed.error },
  )
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CheckpointError(
      'checkpoint/config',
      { subject: path, expected: 'JSON', got: messageOf(cause), advice: 'Download the file again.' },
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
      got: messageOf(cause),
      advice:
        'A model folder needs tokenizer/tokenizer_config.json, and tokenizer/tokenizer.json or tokenizer/spiece.model.',
    },
    { cause },
  )
}
