import { setTimeout as wait } from 'node:timers/promises'

export interface VideoClientOptions {
  /** Of the server, with `/v1` at its end. @default http://127.0.0.1:8420/v1 */
  readonly baseURL?: string
  /** Where the server needs one. */
  readonly apiKey?: string
  readonly headers?: Readonly<Record<string, string>>
  /**
   * How long a server that does not answer is asked again for a video that it has begun, in seconds: it goes on with its
   * videos after a restart. @default 120
   */
  readonly patienceSeconds?: number
  readonly fetch?: typeof fetch
}

/** What the server says of a video, as far as it is read here. */
export type SoundFacts = Readonly<Record<'rate' | 'channels' | 'seconds', number>> & {
  readonly origin: string
}

export interface ServedVideo {
  readonly id: string
  readonly status: 'queued' | 'in_progress' | 'completed' | 'failed'
  readonly error: { readonly message: string } | null
  readonly seed?: string
  readonly size?: string
  /** Its sound, once it is made; null for a silent one. */
  readonly audio?: SoundFacts | null
  /** What is not made as it was asked for. */
  readonly notices?: readonly { readonly message: string }[]
}

export interface CallSettings {
  readonly abortSignal?: AbortSignal | undefined
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined
}

/** The server's answer was an error, with its text. */
export class VideoServerError extends Error {
  override readonly name = 'VideoServerError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const defaultBaseUrl = 'http://127.0.0.1:8420/v1'
const defaultPatienceSeconds = 120

/** Milliseconds before a request that failed is sent again: doubled each time, up to the longest. */
const firstPauseMs = 250
const longestPauseMs = 5_000

/** A server that starts, one that is asked too often, and proxies whose server is away. */
const passing: readonly number[] = [408, 425, 429, 502, 503, 504]

/** Videos over HTTP. */
export class VideoClient {
  readonly #options: VideoClientOptions

  constructor(options: VideoClientOptions) {
    this.#options = options
  }

  async create(body: object, settings: CallSettings): Promise<{ video: ServedVideo; headers: Headers }> {
    const response = await this.#send('POST', '/videos', settings, {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    return { video: (await response.json()) as ServedVideo, headers: response.headers }
  }

  async retrieve(id: string, settings: CallSettings): Promise<{ video: ServedVideo; headers: Headers }> {
    return await this.#patiently(settings, async () => {
      const response = await this.#send('GET', `/videos/${id}`, settings)
      return { video: (await response.json()) as ServedVideo, headers: response.headers }
    })
  }

  async content(id: string, settings: CallSettings): Promise<Uint8Array> {
    return await this.#patiently(settings, async () => {
      const response = await this.#send('GET', `/videos/${id}/content`, settings)
      return new Uint8Array(await response.arrayBuffer())
    })
  }

  async delete(id: string, { headers }: CallSettings): Promise<void> {
    await this.#send('DELETE', `/videos/${id}`, { headers })
  }

  /** Until it has ended; asks as often as the server says. When the signal aborts, the video is deleted. */
  async ended(id: string, settings: CallSettings): Promise<{ video: ServedVideo; headers: Headers }> {
    try {
      while (true) {
        const answer = await this.retrieve(id, settings)
        if (answer.video.status === 'completed' || answer.video.status === 'failed') return answer
        await pause(Number(answer.headers.get('openai-poll-after-ms')) || 1000, settings)
      }
    } catch (error) {
      // The one who gave up has the error; that the server could not be told changes nothing for him.
      if (settings.abortSignal?.aborted) await this.delete(id, settings).catch(() => {})
      throw error
    }
  }

  /** What changes nothing is asked again while the server does not answer. */
  async #patiently<T>(settings: CallSettings, ask: () => Promise<T>): Promise<T> {
    const { patienceSeconds = defaultPatienceSeconds } = this.#options
    const until = performance.now() + patienceSeconds * 1000
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await ask()
      } catch (error) {
        const isPassing = error instanceof VideoServerError ? passing.includes(error.status) : true
        if (settings.abortSignal?.aborted || !isPassing || performance.now() + pauseMs > until) throw error
        await pause(pauseMs, settings)
      }
    }
  }

  async #send(
    method: string,
    path: string,
    { abortSignal, headers = {} }: CallSettings,
    init: { readonly body?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Response> {
    const { baseURL = defaultBaseUrl, apiKey, headers: always, fetch: send = fetch } = this.#options
    const all = {
      ...always,
      ...headers,
      ...init.headers,
      ...(apiKey && { authorization: `Bearer ${apiKey}` }),
    }
    const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const response = await send(baseURL.replace(/\/+$/, '') + path, {
      method,
      headers: Object.fromEntries(given),
      ...(init.body !== undefined && { body: init.body }),
      ...(abortSignal && { signal: abortSignal }),
    })
    if (response.ok) return response
    const text = await response.text()
    throw new VideoServerError(response.status, messageIn(text) ?? `The server answered ${response.status}.`)
  }
}

async function pause(ms: number, { abortSignal }: CallSettings): Promise<void> {
  await wait(ms, undefined, abortSignal ? { signal: abortSignal } : {})
}

function messageIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string } | string }
    return typeof error === 'string' ? error : error?.message
  } catch {
    return undefined
  }
}
