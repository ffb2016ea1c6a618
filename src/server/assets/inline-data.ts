import { createHmac } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BodyBuffers } from '../http/body-buffers.ts'
import { HttpError } from '../http/http-error.ts'
import { type DataUri, DataUriReader } from './data-uri.ts'

/** Longer texts are looked at as data URIs before a body is parsed. */
const longText = 64 * 2 ** 10

/** What a body may hold beside data URIs: prompts and lists, with every character escaped. */
export const plainJsonLimit = 512 * 2 ** 10

/** Milliseconds for which data URIs are read before others have their turn. */
const turnMs = 4

/** Bytes of a data URI that are read at a time. Texts from 128 KiB on take V8 twenty times as long. */
const sliceBytes = 32 * 2 ** 10

interface Held {
  /** Undefined for a text that begins as a data URI and is none. */
  readonly data: DataUri | undefined
  /** What its bytes are in. */
  readonly room: Buffer
  users: number
}

/**
 * The data URIs of bodies that are being answered. A text of 30 MB takes the event loop for half a second: to be made, parsed,
 * hashed, searched and decoded. Large ones are therefore taken out of the bytes of a body before it is parsed, a slice at a
 * time, and a short data URI that stands for them is put in their place.
 */
export class InlineData {
  readonly #secret: Buffer
  readonly #buffers: BodyBuffers
  readonly #held = new Map<string, Held>()

  /** @param secret keeps clients from naming what others have sent; with the same one, equal texts have equal names */
  constructor(secret: Buffer, buffers: BodyBuffers) {
    this.#secret = secret
    this.#buffers = buffers
  }

  /** What a data URI stands for that `take` has put in the place of a large one; undefined for others. */
  find(uri: string): { readonly data: DataUri | undefined } | undefined {
    return this.#held.get(uri.trim())
  }

  /**
   * Takes the large data URIs out of a body.
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
    const room = this.#buffers.take(end - start)
    try {
      const { name, data } = await this.#read(json, start, end, room)
      const known = this.#held.get(name)
      if (known) {
        known.users++
        this.#buffers.giveBack(room)
      } else this.#held.set(name, { data, room, users: 1 })
      return name
    } catch (error) {
      this.#buffers.giveBack(room)
      throw error
    }
  }

  async #read(json: Buffer, start: number, end: number, room: Buffer) {
    const reader = new DataUriReader(room)
    let isPlain = true
    const mac = createHmac('sha256', this.#secret).update('inline data')
    for await (const text of textOf(json, start, end)) {
      mac.update(text)
      // Of other characters there are more bytes than room.
      isPlain &&= !/[^ -~\s]/.test(text)
      if (isPlain) reader.add(text)
    }
    const data = isPlain ? reader.end() : undefined
    return { name: `data:${mac.digest('hex')},`, data }
  }

  #release(name: string): void {
    const held = this.#held.get(name)
    if (!held || --held.users > 0) return
    this.#held.delete(name)
    this.#buffers.giveBack(held.room)
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

/** The text that bytes of JSON stand for, in parts. @throws HttpError 400 for what is no text of JSON */
async function* textOf(json: Buffer, start: number, end: number): AsyncGenerator<string> {
  let cut = ''
  let began = performance.now()
  for (let at = start; at < end; at += sliceBytes) {
    const last = at + sliceBytes >= end
    const raw = cut + json.toString('latin1', at, last ? end : at + sliceBytes)
    // An escape whose rest is in the next part.
    cut = last ? '' : (/\\(?:u[\da-f]{0,3})?$/i.exec(raw.slice(-5))?.[0] ?? '')
    yield unescaped(raw.slice(0, raw.length - cut.length))
    if (performance.now() - began < turnMs) continue
    await nextTurn()
    began = performance.now()
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
