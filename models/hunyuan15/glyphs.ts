/** Text that a video is to show: what a prompt has in quotes, as ByT5 reads it (diffusers `extract_glyph_texts`). */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { checkConfig } from '../../src/weights/read-config.ts'

/** Tokens that the encoder sees, the closing one included. */
export const glyphTokens = 256

/**
 * Every text in straight or curly quotes, each once, in order: `Text "a". Text "b". `; undefined where there is none.
 */
export function glyphText(prompt: string): string | undefined {
  const quoted = [...prompt.matchAll(/"([^\n]*?)"|“([^\n]*?)”/g)].map(([, straight, curly]) => {
    return straight || curly || ''
  })
  if (quoted.length === 0) return undefined
  return `${[...new Set(quoted)].map(text => `Text "${text}"`).join('. ')}. `
}

/** Ids before those of bytes: padding, end, unknown. */
const firstByte = 3
const endId = 1n

export interface GlyphTokenizer {
  /** Ids of a text, with its end, and whether it had more than fit. */
  encode(text: string): { readonly ids: BigInt64Array; readonly truncated: boolean }
}

export interface AddedToken {
  readonly id: number
  readonly content: string
  /** Whether whitespace before or after it belongs to it. */
  readonly lstrip: boolean
  readonly rstrip: boolean
}

const flag = z.boolean().default(false)

/** tokenizer_config.json of a ByT5 tokenizer; its vocabulary is the bytes, and what was added to them. */
const byT5Config = z.object({
  extra_ids: z.number().int().nonnegative().default(125),
  added_tokens_decoder: z
    .record(z.string().regex(/^\d+$/), z.object({ content: z.string().min(1), lstrip: flag, rstrip: flag }))
    .default({}),
})

/**
 * Opens transformers' `ByT5Tokenizer` of a folder; the vocabulary of the class where there is no folder, as with single files.
 * @throws CheckpointError for a file that cannot be read as one
 */
export async function openGlyphTokenizer(folder: string): Promise<GlyphTokenizer> {
  const file = path.join(folder, 'tokenizer_config.json')
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    return cause.code === 'ENOENT' || cause.code === 'ENOTDIR' ? '{}' : undefined
  })
  const { added_tokens_decoder: listed, extra_ids: extra } = checkConfig(byT5Config, parseJson(text), file)
  const configured = Object.entries(listed).map(([id, token]) => ({ id: Number(id), ...token }))
  const others = ownTokens(extra).filter(({ content }) => configured.every(each => each.content !== content))
  return glyphTokenizer([...others, ...configured])
}

/** The tokens that the class adds by itself: those before the bytes, and sentinels after them. */
export function ownTokens(extra: number): AddedToken[] {
  const special = ['<pad>', '</s>', '<unk>'].map((content, id) => ({
    id,
    content,
    lstrip: true,
    rstrip: true,
  }))
  const sentinels = Array.from({ length: extra }, (_, index) => {
    return { id: firstByte + 256 + index, content: `<extra_id_${index}>`, lstrip: false, rstrip: false }
  })
  return [...special, ...sentinels]
}

export function glyphTokenizer(added: readonly AddedToken[]): GlyphTokenizer {
  const byContent = new Map(added.map(token => [token.content, token]))
  const contents = [...byContent.keys()].sort((a, b) => b.length - a.length)
  const pattern = contents.length > 0 ? new RegExp(contents.map(escaped).join('|'), 'g') : undefined
  return {
    encode(text) {
      const ids = pattern ? idsAround(text, pattern, byContent) : bytesOf(text)
      const kept = ids.slice(0, glyphTokens - 1).map(BigInt)
      return { ids: BigInt64Array.from([...kept, endId]), truncated: ids.length > kept.length }
    },
  }
}

/** Added tokens have ids of their own, wherever they are in the text. */
function idsAround(text: string, pattern: RegExp, added: ReadonlyMap<string, AddedToken>): number[] {
  const ids: number[] = []
  let start = 0
  let strips = false
  const between = (end: number, stripsEnd: boolean) => {
    const piece = text.slice(start, end)
    const left = strips ? piece.trimStart() : piece
    ids.push(...bytesOf(stripsEnd ? left.trimEnd() : left))
  }
  for (const match of text.matchAll(pattern)) {
    const token = added.get(match[0])!
    between(match.index, token.lstrip)
    ids.push(token.id)
    start = match.index + match[0].length
    strips = token.rstrip
  }
  between(text.length, false)
  return ids
}

function bytesOf(text: string): number[] {
  return Array.from(Buffer.from(text), byte => byte + firstByte)
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
