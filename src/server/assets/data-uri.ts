/** A `data:` URI (RFC 2397) as clients write it: any case, lines broken, percent-encoded, base64 of either alphabet. */
export interface DataUri {
  /** In lower case, such as `image/png`; empty where the URI names none. */
  readonly type: string
  readonly bytes: Buffer
}

/** A comma ends the head: of type, parameters and `base64`. */
const longestHead = 1024

export function isDataUri(uri: string): boolean {
  return /^\s*data:/i.test(uri.slice(0, 64))
}

/** @returns undefined for what is not one, or has characters that base64 has not */
export function readDataUri(uri: string): DataUri | undefined {
  const [head] = /^\s*data:[^,]*,/i.exec(uri.slice(0, longestHead)) ?? []
  if (head === undefined) return undefined
  const [type = '', ...parameters] = head.trim().slice('data:'.length, -1).split(';')
  const bytes = isBase64(parameters) ? fromBase64(uri.slice(head.length)) : fromText(uri.slice(head.length))
  return bytes && { type: type.trim().toLowerCase(), bytes }
}

const isBase64 = (parameters: readonly string[]) => parameters.at(-1)?.trim().toLowerCase() === 'base64'

/** Large ones come by: each pattern looks for one character. Node.js skips spaces, and reads both alphabets. */
function fromBase64(text: string): Buffer | undefined {
  const plain = text.includes('%') ? decoded(text) : text
  if (plain === undefined || /[^\w+/\s=-]/.test(plain)) return undefined
  const padding = plain.indexOf('=')
  if (padding >= 0 && /[^\s=]/.test(plain.slice(padding))) return undefined
  const bytes = Buffer.from(plain, 'base64')
  return bytes.length > 0 ? bytes : undefined
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** The bytes that a text with percents stands for; undefined for a `%` that begins none. */
function fromText(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'utf8')
  let end = 0
  for (let at = 0; at < bytes.length; at++) {
    let byte = bytes[at]!
    if (byte === percentSign) {
      byte = 16 * digitOf(bytes[at + 1]) + digitOf(bytes[at + 2])
      if (Number.isNaN(byte)) return undefined
      at += 2
    }
    // What is written was read before.
    bytes[end++] = byte
  }
  return end > 0 ? bytes.subarray(0, end) : undefined
}

const percentSign = 0x25

/** Of a hexadecimal digit's code; NaN for another. */
function digitOf(code = 0): number {
  const letter = (code | 0x20) - 0x61 + 10
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return letter >= 10 && letter <= 15 ? letter : Number.NaN
}
