import { createHmac } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { HttpError } from '../http/http-error.ts'
import { type DataUri, DataUriReader } from './data-uri.ts'

/** Longer texts are looked at as data URIs before a body is parsed. */
const longText = 64 * 2 ** 10

/** What a body may hold beside data URIs: prompts and lists, with every character escaped. */
export const plainJsonLimit = 512 * 2 ** 10

/** Bytes of a data URI that are read in one turn of the event loop. Texts from 128 KiB on take V8 twenty times as long. */
const sliceBytes = 32 * 2 ** 10

interface Held {
  /** Undefined for a text that begins as a data URI and is none. */
  readonly data: DataUri | undefined
  users: number
}

/**
 * The data URIs of bodies that are being answered. A text of 30 MB takes the event loop for half a second: to be made, parsed,
 * hashed, searched and decoded. Large ones are therefore taken out of the bytes of a body before it is parsed, a slice at a
 * time, and a short data URI that stands for them is put in their place.
 */
export class InlineData {
  readonly #secret: Buffer
  readonly #held = new Map<string, Held>()

  /** @param secret keeps clients from naming what others have sent; with the same one, equal texts have equal names */
  constructor(secret: Buffer) {
    this.#secret = secret
  }

  /** What a data URI stands for that `take` has put in the place of a large one; undefined for others. */
  find(uri: string): { readonly data: DataUri | undefined } | undefined {
    return this.#held.get(uri.trim())
  }

  /**
   * Takes the large data URIs out of a body.
   * @param json changed on return: it is not to be used any more
   * @returns the body with short ones in their place, and what ends their use
   * @throws HttpError 413 when it holds too much beside them, 400 when one is not a text of JSON
   */
  async take(json: Buffer): Promise<{ readonly rest: Buffer; readonly release: () => void }> {
    const names: string[] = []
    const release = () => {
      for (const name of names.splice(0)) this.#release(name)
    }
    const parts: Buffer[] = []
    let copied = 0
    try {
      for (const { start, end } of largeUris(json)) {
        const name = await this.#hold(json, start, end)
        names.push(name)
        parts.push(json.subarray(copied, start), Buffer.from(name))
        copied = end
      }
      return { rest: Buffer.concat([...parts, json.subarray(copied)]), release }
    } catch (error) {
      release()
      throw error
    }
  }

  async #hold(json: Buffer, start: number, end: number): Promise<string> {
    const reader = new DataUriReader(end - start)
    const mac = createHmac('sha256', this.#secret).update('inline data')
    for await (const text of textOf(json, start, end)) {
      mac.update(text)
      reader.add(text)
    }
    const data = reader.end()
    const name = `data:${mac.digest('hex')},`
    const known = this.#held.get(name)
    if (known) known.users++
    else this.#held.set(name, { data, users: 1 })
    return name
  }

  #release(name: string): void {
    const held = this.#held.get(name)
    if (held && --held.users === 0) this.#held.delete(name)
  }
}

/** As JSON has it: spaces may be escaped. */
const uriStart = /^(?:\s|\\[nrt])*data:/i

const quote = 0x22
const backslash = 0x5c

/** The contents of the long texts that begin as data URIs. @throws HttpError 413 for too much beside them */
function* largeUris(json: Buffer): Generator<{ readonly start: number; readonly end: number }> {
  let plain = 0
  let at = 0
  const count = (bytes: number) => {
    plain += bytes
    if (plain > plainJsonLimit) throw tooMuchBeside()
  }
  while (at < json.length) {
    const open = json.indexOf(quote, at)
    const end = open < 0 ? -1 : endOfText(json, open + 1, count)
    if (end < 0) break
    const isUri = end - open > longText && uriStart.test(json.toString('latin1', open + 1, open + 65))
    count((isUri ? open : end) + 1 - at)
    if (isUri) yield { start: open + 1, end }
    at = end + 1
  }
  count(json.length - at)
}

/** Where the text ends that begins at a byte; -1 where it does not end. */
function endOfText(json: Buffer, start: number, count: (bytes: number) => void): number {
  let end = json.indexOf(quote, start)
  while (end >= 0) {
    let slashes = 0
    while (end - slashes > start && json[end - slashes - 1] === backslash) slashes++
    if (slashes % 2 === 0) return end
    // Data URIs have none: that many are too much, as other text is.
    count(slashes)
    end = json.indexOf(quote, end + 1)
  }
  return -1
}

/** The text that bytes of JSON stand for, a part in each turn. @throws HttpError 400 for what is no text of JSON */
async function* textOf(json: Buffer, start: number, end: number): AsyncGenerator<string> {
  let cut = ''
  for (let at = start; at < end; at += sliceBytes) {
    const last = at + sliceBytes >= end
    const raw = cut + json.toString('latin1', at, last ? end : at + sliceBytes)
    // An escape whose rest is in the next part.
    cut = last ? '' : (/\\(?:u[\da-f]{0,3})?$/i.exec(raw.slice(-5))?.[0] ?? '')
    yield unescaped(raw.slice(0, raw.length - cut.length))
    await nextTurn()
  }
}

function unescaped(raw: string): string {
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch {
    throw new HttpError(400, 'The body is not valid JSON.', { code: 'invalid_json' })
  }
}

function tooMuchBeside(): HttpError {
  const message = `The body holds more than ${plainJsonLimit} bytes beside data URIs.`
  return new HttpError(413, message, { code: 'too_large' })
}
