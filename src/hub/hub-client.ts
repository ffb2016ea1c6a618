import { invalidRequest, type RequestError } from '../errors.ts'

/** How the hub is reached: requests carry the token to the hub's own address only, and end when the signal aborts. */
export interface HubClient {
  /** Address of the hub, without a slash at its end. */
  readonly endpoint: string
  readonly fetch: typeof fetch
}

export interface HubClientOptions {
  /** What the address is of. @default a hub */
  readonly from?: 'hub' | 'registry'
  readonly endpoint: string
  readonly token: string | undefined
  readonly signal: AbortSignal | undefined
}

/** @throws RequestError when the endpoint is not an address */
export function hubClient({ from = 'hub', endpoint, token, signal }: HubClientOptions): HubClient {
  if (!/^https?:/.test(endpoint) || !URL.canParse(endpoint)) throw noAddress(from, endpoint)
  const home = new URL(endpoint).origin
  return {
    endpoint: endpoint.replace(/\/+$/, ''),
    fetch: (input, init) => {
      const headers = new Headers(init?.headers)
      const url = new URL(input instanceof Request ? input.url : input)
      if (token !== undefined && url.origin === home) headers.set('authorization', `Bearer ${token}`)
      return fetch(input, { ...init, headers, ...(signal && { signal }) })
    },
  }
}

/** Where a file of a commit is downloaded from; large files are redirected to the hub's storage. */
export function fileUrl(client: HubClient, id: string, commit: string, path: string): string {
  return `${client.endpoint}/${id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`
}

function noAddress(from: 'hub' | 'registry', endpoint: string): RequestError {
  return invalidRequest(
    from === 'hub' ? 'endpoint' : from,
    `the http(s) address of a ${from}`,
    JSON.stringify(endpoint),
    `Check ${from === 'hub' ? 'HF_ENDPOINT' : 'npm_config_registry'}.`,
  )
}
