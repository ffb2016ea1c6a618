/** Pictures and clips of a request that are not files: they become files of a folder of their own for its time. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { invalidRequest, MediaError } from '../errors.ts'
import { systemMessage } from '../system-errors.ts'

/** A `Blob`, `File` or `Response`. */
interface BlobLike {
  arrayBuffer(): Promise<ArrayBuffer>
}

/** A pipeline of sharp. */
interface SharpLike {
  clone(): SharpLike
  png(): { toBuffer(): Promise<Uint8Array> }
}

/**
 * A picture or clip: the path of a file or folder, a URL (`file:`, `data:`, `http:`, `https:`; also as text), the bytes
 * of a file, a Blob, or a sharp pipeline.
 */
export type MediaSource = string | URL | Uint8Array | BlobLike | SharpLike

/** What a picture or clip without an address is called. */
const unnamed = '(bytes)'

/** The folder of the files that were made of sources. It is removed when it is disposed of. */
export class MediaFiles implements AsyncDisposable {
  #folder: Promise<string> | undefined
  #count = 0
  /** What the files were made of. */
  readonly #names = new Map<string, string>()

  /**
   * The path of a file with what the source holds.
   * @param field what it is for, in messages and in the name of the file
   * @throws MediaError when it cannot be fetched, RequestError when it is none
   */
  async pathOf(field: string, source: MediaSource, signal?: AbortSignal): Promise<string> {
    if (source instanceof URL || (typeof source === 'string' && /^(https?|data|file):/i.test(source))) {
      const url = new URL(source)
      if (url.protocol === 'file:') return fileURLToPath(url)
      const name = url.protocol === 'data:' ? unnamed : url.origin + url.pathname
      return await this.#file(field, await fetched(field, url, signal), name)
    }
    if (typeof source === 'string') return source
    return await this.#file(field, await bytesOf(field, source), unnamed)
  }

  /**
   * What a file is called where its path means nothing, such as in a video's metadata: the URL without its query, which
   * may be secret, or `(bytes)`; the path of a file that was not made here.
   */
  nameOf(path: string): string {
    return this.#names.get(path) ?? path
  }

  /** A text without the paths of the files that were made here. */
  named(text: string): string {
    return [...this.#names].reduce((named, [path, name]) => named.replaceAll(path, name), text)
  }

  async #file(field: string, bytes: Uint8Array, name: string): Promise<string> {
    this.#folder ??= mkdtemp(join(tmpdir(), 'framewright-media-'))
    const path = join(await this.#folder, `${field}-${++this.#count}`)
    await writeFile(path, bytes)
    this.#names.set(path, name)
    return path
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const folder = await this.#folder?.catch(() => undefined)
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}

async function fetched(field: string, url: URL, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const subject = url.protocol === 'data:' ? field : url.href
  const response = await fetch(url, signal ? { signal } : {}).catch((cause: unknown) => {
    signal?.throwIfAborted()
    const got = systemMessage(cause) ?? String(cause)
    throw new MediaError('media/input', { subject, expected: 'a file to fetch', got }, { cause })
  })
  if (!response.ok) {
    throw new MediaError('media/input', {
      subject,
      expected: 'a file to fetch',
      got: String(response.status),
    })
  }
  return new Uint8Array(await response.arrayBuffer())
}

async function bytesOf(field: string, source: Exclude<MediaSource, string | URL>): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source
  if (isObject(source) && 'arrayBuffer' in source) return new Uint8Array(await source.arrayBuffer())
  if (isObject(source) && 'png' in source) return await source.clone().png().toBuffer()
  throw invalidRequest(
    field,
    'a path, URL, Uint8Array, Blob or sharp pipeline',
    source === null ? 'null' : typeof source,
  )
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
