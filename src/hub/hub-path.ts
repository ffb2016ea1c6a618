import { invalidRequest } from '../errors.ts'

/** A repository of the hub, or a file or folder in it. */
export interface HubPath {
  /** `owner/name`. */
  readonly id: string
  /** In the repository, without slashes at its ends; `''` for a whole model. */
  readonly part: string
  /** The branch, tag or commit of an address. */
  readonly revision?: string
}

/**
 * Takes `owner/name`, `owner/name/folder/file`, or the address of either on the hub's pages, apart.
 * @throws RequestError for a part that would leave the repository
 */
export function parseHubPath(name: string): HubPath {
  const [, address] = /^https?:\/\/[^/]+\/(.+?)(?:\?.*)?$/.exec(name) ?? []
  const words = (address ?? name).split('/')
  const [, , view, revision] = words
  const isPage = address !== undefined && /^(?:blob|resolve|tree)$/.test(view ?? '') && revision !== undefined
  const rest = words
    .slice(isPage ? 4 : 2)
    .map(word => (address === undefined ? word : decodeURIComponent(word)))
  const part = rest.join('/').replace(/\/+$/, '')
  if (part !== '' && part.split('/').some(word => word === '..' || word === '.' || word === '')) {
    throw invalidRequest('model', 'owner/name, or a path in it', JSON.stringify(name))
  }
  return { id: words.slice(0, 2).join('/'), part, ...(isPage && { revision }) }
}

/** Whether a file or folder of a repository is a part of it that was named, or in it. */
export function isWithin(path: string, part: string): boolean {
  return path === part || path.startsWith(`${part}/`)
}
