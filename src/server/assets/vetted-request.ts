import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { isLocalName, isPublicAddress } from './public-address.ts'

/** What may be reached, and how names are looked up. */
export interface AddressPolicy {
  /** `host` or `host:port` that may be reached whatever it resolves to, over plain http too: machines of a LAN. */
  readonly allowedHosts: readonly string[]
  /** All addresses of a name. @default the system's resolver */
  readonly resolve?: (host: string) => Promise<readonly LookupAddress[]>
}

export interface VettedRequest {
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

/** An address that must not be reached, or cannot be. The message is for the one who gave it. */
export class AddressError extends Error {
  override readonly name = 'AddressError'
}

const longestUrl = 2048

/**
 * Sends a request to an address that somebody else chose. The name is looked up once, every address it has must be
 * public, and the connection goes to the one that was checked: a name that resolves to something else a moment later
 * changes nothing. Redirects are not followed.
 * @throws AddressError when the address is not allowed; what node:https throws when it cannot be reached
 */
export async function vettedRequest(
  text: string,
  policy: AddressPolicy,
  { method, headers, body, signal }: VettedRequest,
): Promise<IncomingMessage> {
  const url = checkUrl(text, policy)
  const address = await unlessAborted(vettedAddress(url, policy), signal)
  // Node asks for one address or for all of them; either way it gets the one that was checked.
  const pinned: LookupFunction = (_host, options, callback) => {
    if (options.all) callback(null, [address])
    else callback(null, address.address, address.family)
  }
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  return await new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, signal, lookup: pinned, agent: false }, resolve)
    sent.on('error', reject)
    sent.end(body)
  })
}

/** A name server that does not answer is not waited for. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
  return await Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', stop))
}

/** @throws AddressError */
export function checkUrl(text: string, policy: AddressPolicy): URL {
  const url = text.length <= longestUrl && URL.canParse(text) ? new URL(text) : undefined
  if (!url) throw new AddressError(`URLs must be valid and have at most ${longestUrl} characters.`)
  if (url.username || url.password) throw new AddressError('URLs must not hold a user name or password.')
  const allowed = isAllowed(url, policy)
  if (url.protocol !== 'https:' && !(allowed && url.protocol === 'http:')) {
    throw new AddressError('Only HTTPS URLs are allowed.')
  }
  if (allowed) return url
  if (isIP(bare(url.hostname)) !== 0) throw new AddressError('URLs must be hosted on a domain.')
  if (isLocalName(url.hostname)) throw new AddressError('URLs must be hosted on a public domain.')
  return url
}

async function vettedAddress(url: URL, policy: AddressPolicy): Promise<LookupAddress> {
  const host = bare(url.hostname)
  const family = isIP(host)
  const resolve = policy.resolve ?? (name => lookup(name, { all: true, verbatim: true }))
  const addresses = family ? [{ address: host, family }] : await resolve(host)
  const [first] = addresses
  if (!first) throw new AddressError('The host of the URL was not found.')
  // One private address among public ones is how a name gets past a check of the first.
  if (!isAllowed(url, policy) && !addresses.every(isPublicAddress)) {
    throw new AddressError('URLs must be hosted on a public domain.')
  }
  return first
}

function isAllowed({ hostname, host }: URL, { allowedHosts }: AddressPolicy): boolean {
  return allowedHosts.some(each => each === host || each === hostname)
}

/** Without the brackets of an IPv6 address. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}
