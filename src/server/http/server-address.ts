import type { IncomingMessage } from 'node:http'

/** A host and its port, as names, IPv4 or IPv6 addresses are written in URLs. */
const plainHost = /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i

/**
 * The address that a request came to. What a client says of it is told to that client alone; what proxies say in other
 * headers is not believed.
 */
export function reachedAt({ headers, socket }: IncomingMessage): string {
  const { host = '' } = headers
  if (plainHost.test(host)) return `http://${host}`
  const { localAddress = '127.0.0.1', localPort } = socket
  return `http://${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`
}
