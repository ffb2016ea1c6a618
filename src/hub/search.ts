import { hubEnvironment } from './environment.ts'
import { hubClient } from './hub-client.ts'
import { pullError } from './pull-error.ts'
import { defaultRetry, type RetryPolicy, withRetries } from './retry.ts'

/** A repository that a search of the hub has found. */
export interface FoundModel {
  /** `owner/name`. */
  readonly id: string
  /** In the last month. */
  readonly downloads: number
  readonly likes: number
  /** Whether it is only given to accounts that its owner allows. */
  readonly gated: boolean
  /** The class of its pipeline, of a folder in the diffusers layout. */
  readonly pipeline: string | undefined
  /** Formats of its weights that can be read. */
  readonly formats: readonly ('safetensors' | 'gguf')[]
}

export interface SearchOptions {
  /** Most repositories to give. @default 20 */
  readonly limit?: number
  readonly endpoint?: string
  readonly token?: string
  readonly signal?: AbortSignal
  readonly retry?: RetryPolicy
}

/**
 * Searches the hub for models by words of their names, the most downloaded first.
 * @throws HubError when the hub does not answer; CancelledError after an abort
 */
export async function searchModels(words: string, options: SearchOptions = {}): Promise<FoundModel[]> {
  const environment = hubEnvironment()
  const { limit = 20, signal, retry = defaultRetry } = options
  const { endpoint = environment.endpoint, token = environment.token } = options
  const client = hubClient({ endpoint, token, signal })
  const { listModels: searchHub } = await import('@huggingface/hub')
  const find = async () => {
    const found: FoundModel[] = []
    const entries = searchHub({
      search: { query: words },
      sort: 'downloads',
      limit,
      additionalFields: ['tags'],
      hubUrl: client.endpoint,
      fetch: client.fetch,
    })
    for await (const { name, downloads, likes, gated, tags } of entries) {
      const formats = (['safetensors', 'gguf'] as const).filter(format => tags.includes(format))
      const pipeline = tags.find(tag => /^diffusers:\w+$/.test(tag))?.slice('diffusers:'.length)
      found.push({ id: name, downloads, likes, gated: gated !== false, pipeline, formats })
    }
    return found
  }
  try {
    return await withRetries(find, retry, signal)
  } catch (error) {
    throw pullError(error, { from: 'search', id: words, revision: 'main', endpoint, signal })
  }
}
