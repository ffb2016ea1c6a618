import { CheckpointError } from '../errors.ts'

/** Graphemes of at least this many bytes are looked up character by character only. */
const graphemeBytesLimit = 6

/**
 * Reads SentencePiece's compiled normalization table and gives the normalizer it describes (NFKC with
 * SentencePiece's own rules for spaces and controls, in T5 and UMT5).
 *
 * The table is a u32 byte count, that many bytes of a double-array trie over UTF-8 (Darts-clone units), then
 * NUL-terminated replacements that the trie's leaves point into. A grapheme that has a key of the trie as its
 * prefix becomes that key's replacement as a whole, the shortest such key winning; other graphemes are tried
 * character by character. That is what the `Precompiled` normalizer of Hugging Face's tokenizers does.
 *
 * @throws CheckpointError when the table is cut short
 */
export function precompiledCharsmap(base64: string): (text: string) => string {
  const replacementOf = readCharsmap(Buffer.from(base64, 'base64'))
  const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })
  return text => {
    let normalized = ''
    for (const { segment } of graphemes.segment(text)) {
      const bytes = Buffer.from(segment)
      const whole = bytes.length < graphemeBytesLimit ? replacementOf(bytes) : undefined
      if (whole !== undefined) normalized += whole
      else for (const char of segment) normalized += replacementOf(Buffer.from(char)) ?? char
    }
    return normalized
  }
}

function readCharsmap(table: Buffer): (key: Uint8Array) => string | undefined {
  const trieBytes = table.length < 4 ? Number.NaN : table.readUInt32LE(0)
  if (!(trieBytes % 4 === 0 && 4 + trieBytes <= table.length)) {
    throw new CheckpointError('checkpoint/config', {
      subject: 'tokenizer.json, precompiled_charsmap',
      expected: 'a byte count and as many bytes of a trie',
      got: `${table.length} bytes that claim a trie of ${trieBytes}`,
      advice: 'Download the tokenizer again.',
    })
  }
  // A copy, whose bytes are aligned. This machine has the lower byte first, as the table does.
  const units = new Uint32Array(Uint8Array.from(table.subarray(4, 4 + trieBytes)).buffer)
  const replacements = table.subarray(4 + trieBytes)
  return key => {
    const offset = firstLeaf(units, key)
    if (offset === undefined) return undefined
    const end = replacements.indexOf(0, offset)
    return replacements.toString('utf8', offset, end < 0 ? replacements.length : end)
  }
}

/**
 * Walks the double array along the key's bytes to the first leaf and returns that leaf's value.
 * A unit holds its label in bits 0-7, whether a leaf hangs on it in bit 8, and the distance to its children in
 * bits 10-31, in steps of 256 when bit 9 is set; a leaf's unit holds its value in bits 0-30.
 */
function firstLeaf(units: Uint32Array, key: Uint8Array): number | undefined {
  let position = childOffset(units[0] ?? 0)
  for (const byte of key) {
    if (byte === 0) return undefined
    position ^= byte
    const unit = units[position]
    if (unit === undefined || (unit & 0x800000ff) !== byte) return undefined
    position ^= childOffset(unit)
    if ((unit & 0x100) !== 0) return (units[position] ?? 0) & 0x7fffffff
  }
  return undefined
}

function childOffset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6)
}
