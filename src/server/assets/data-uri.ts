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
  const reader = new DataUriReader(Buffer.allocUnsafe(3 * uri.length))
  reader.add(uri)
  return reader.end()
}

/** Reads a data URI from its parts, so that a large one need not be one text. */
export class DataUriReader {
  readonly #bytes: Buffer
  #end = 0
  #head = ''
  #body: Decoder | undefined
  #type = ''
  #failed = false

  /** @param room for its bytes: as many as the URI has characters, or more in UTF-8 */
  constructor(room: Buffer) {
    this.#bytes = room
  }

  add(text: string): void {
    if (this.#failed) return
    if (this.#body) this.#write(this.#body.add(text))
    else this.#addHead(text)
  }

  /** @returns undefined for what is not one, or has characters that base64 has not */
  end(): DataUri | undefined {
    if (this.#body && !this.#failed) this.#write(this.#body.end())
    if (this.#failed || this.#end === 0) return undefined
    return { type: this.#type, bytes: this.#bytes.subarray(0, this.#end) }
  }

  #addHead(text: string): void {
    this.#head += text
    const [head] = /^\s*data:[^,]*,/i.exec(this.#head.slice(0, longestHead)) ?? []
    if (head === undefined) {
      this.#failed = this.#head.length >= longestHead
      return
    }
    const [type = '', ...parameters] = head.trim().slice('data:'.length, -1).split(';')
    this.#type = type.trim().toLowerCase()
    const isBase64 = parameters.at(-1)?.trim().toLowerCase() === 'base64'
    this.#body = isBase64 ? new Base64Decoder() : new PercentDecoder()
    this.#write(this.#body.add(this.#head.slice(head.length)))
  }

  #write(part: Part | undefined): void {
    if (part === undefined) this.#failed = true
    else if (typeof part === 'string') this.#end += this.#bytes.write(part, this.#end, 'base64')
    else this.#end += part.copy(this.#bytes, this.#end)
  }
}

/** Bytes, or base64 of whole bytes. */
type Part = Buffer | string

/** Gives what the next part of a text stands for; undefined for what stands for nothing. */
interface Decoder {
  add(text: string): Part | undefined
  end(): Part | undefined
}

/** Large ones come by: each pattern looks for one character. Node.js reads both alphabets. */
class Base64Decoder implements Decoder {
  /** The end of what came last: a percent and its digits, or less than four characters. */
  #percent = ''
  #rest = ''
  #padded = false

  add(text: string): string | undefined {
    const plain = this.#withoutPercents(text)
    if (plain === undefined || /[^\w+/\s=-]/.test(plain)) return undefined
    const solid = /\s/.test(plain) ? plain.replace(/\s+/g, '') : plain
    const padding = solid.indexOf('=')
    const digits = padding < 0 ? solid : solid.slice(0, padding)
    const after = padding < 0 ? '' : solid.slice(padding)
    if (/[^=]/.test(after) || (this.#padded && digits !== '')) return undefined
    this.#padded ||= padding >= 0
    const all = this.#rest + digits
    const whole = all.length - (all.length % 4)
    this.#rest = all.slice(whole)
    return all.slice(0, whole)
  }

  end(): string | undefined {
    return this.#percent === '' ? this.#rest : undefined
  }

  #withoutPercents(text: string): string | undefined {
    const all = this.#percent + text
    this.#percent = ''
    if (!all.includes('%')) return all
    this.#percent = cutPercent(all)
    try {
      return decodeURIComponent(all.slice(0, all.length - this.#percent.length))
    } catch {
      return undefined
    }
  }
}

/** Text with percents. */
class PercentDecoder implements Decoder {
  #percent = ''

  add(text: string): Buffer | undefined {
    const all = this.#percent + text
    this.#percent = cutPercent(all)
    return fromText(all.slice(0, all.length - this.#percent.length))
  }

  end(): Buffer | undefined {
    return this.#percent === '' ? Buffer.alloc(0) : undefined
  }
}

/** A percent at the end of a part, whose digits are in the next one. */
function cutPercent(text: string): string {
  return /%[\da-f]?$/i.exec(text.slice(-2))?.[0] ?? ''
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
  return bytes.subarray(0, end)
}

const percentSign = 0x25

/** Of a hexadecimal digit's code; NaN for another. */
function digitOf(code = 0): number {
  const letter = (code | 0x20) - 0x61 + 10
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return letter >= 10 && letter <= 15 ? letter : Number.NaN
}
