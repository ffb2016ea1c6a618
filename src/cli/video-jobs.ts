import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { requestFields } from '../api/request-fields.ts'
import type { FieldName, GenerateRequest } from '../pipeline/fields/request-fields.ts'
import { type GenerateFlags, requestOf } from './generate-flags.ts'
import { defaultNames, outputNames } from './output-names.ts'
import { UsageError } from './usage-error.ts'

/** One video to make. */
export interface VideoJob {
  /** From 1. */
  readonly index: number
  readonly request: GenerateRequest & { readonly seed: bigint }
  readonly output: string
  /** Where its latents are to be written. */
  readonly latents: string | undefined
}

const largestSeed = 2n ** 64n - 1n

/**
 * The videos that a command line asks for: `--count` of each prompt, from consecutive seeds.
 * @throws UsageError when flags contradict each other; RequestError for a size that cannot be read
 */
export async function planVideos(prompt: string | undefined, flags: GenerateFlags): Promise<VideoJob[]> {
  const fields = requestOf(flags)
  checkLength(fields)
  const prompts = await promptsOf(prompt, flags, fields)
  const seeds = seedsOf(fields, flags)
  const requests = prompts.flatMap(text => seeds.map(seed => ({ ...fields, prompt: text, seed })))
  const outputs = flags.output === undefined ? defaultNames(requests) : outputNames(flags.output, requests)
  const latents =
    flags.saveLatents === undefined
      ? []
      : outputNames(checkedLatents(flags.saveLatents), requests, '--save-latents')
  return requests.map((request, position) => {
    return { index: position + 1, request, output: outputs[position]!, latents: latents[position] }
  })
}

async function promptsOf(
  prompt: string | undefined,
  flags: GenerateFlags,
  fields: Partial<GenerateRequest>,
): Promise<string[]> {
  if (flags.prompts === undefined) return [checkedPrompt(prompt, fields)]
  if (prompt === undefined) return await promptsIn(flags.prompts)
  throw new UsageError({ subject: '--prompts', expected: 'no prompt beside it', got: JSON.stringify(prompt) })
}

/** Pictures can say all that a video is to show; without them there has to be a text. */
function checkedPrompt(prompt: string | undefined, fields: Partial<GenerateRequest>): string {
  const pictured = Object.keys(fields).some(name => {
    const { files, flag } = requestFields[name as FieldName]
    return files && flag?.group === 'pictures'
  })
  if (prompt !== undefined && (pictured || prompt.trim() !== '')) return prompt
  throw new UsageError({
    subject: 'prompt',
    expected: 'a text in quotes',
    got: prompt === undefined ? 'none' : 'an empty one',
    advice: 'For example: framewright generate "a red ball bounces on a blue floor"',
  })
}

/** One prompt a line; blank lines and lines that begin with # are left out. */
async function promptsIn(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const got = error.code === 'ENOENT' ? `nothing at ${file}` : error.message
    const advice = 'Name a file with a prompt on every line.'
    throw new UsageError({ subject: '--prompts', expected: 'a text file', got, advice })
  })
  // What is no UTF-8 is read as replacement characters; a picture or an archive has NUL bytes as well.
  if (/[\0\uFFFD]/.test(text)) {
    throw new UsageError({
      subject: `--prompts ${file}`,
      expected: 'a text file',
      got: 'bytes that are no text in UTF-8',
      advice: 'Name a file with a prompt on every line, saved as UTF-8.',
    })
  }
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  if (lines.length > 0) return lines
  throw new UsageError({ subject: '--prompts', expected: 'a prompt on every line', got: `none in ${file}` })
}

function seedsOf({ seed }: Partial<GenerateRequest>, { count = 1 }: GenerateFlags): bigint[] {
  // A random seed is short enough to be typed again.
  const first = BigInt(seed ?? randomInt(2 ** 32))
  if (first + BigInt(count - 1) > largestSeed) {
    const expected = `room for ${count} consecutive seeds up to ${largestSeed}`
    throw new UsageError({ subject: '--seed', expected, got: String(first) })
  }
  return Array.from({ length: count }, (_, offset) => first + BigInt(offset))
}

function checkLength({ frames, seconds }: Partial<GenerateRequest>): void {
  if (frames === undefined || seconds === undefined) return
  throw new UsageError({
    subject: '--seconds',
    expected: 'no --frames beside it',
    got: `--frames ${frames}`,
  })
}

function checkedLatents(path: string): string {
  if (extname(path).toLowerCase() === '.safetensors') return path
  const expected = 'a name that ends in .safetensors'
  throw new UsageError({ subject: '--save-latents', expected, got: JSON.stringify(path) })
}
