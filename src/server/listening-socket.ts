import { createServer, type RequestListener, type Server } from 'node:http'
import { SystemError } from '../errors.ts'
import { systemMessage } from '../system-errors.ts'

export interface SocketOptions {
  /** @default 127.0.0.1 */
  readonly host?: string | undefined
  /** 0 for one that is free. @default 8420 */
  readonly port?: number | undefined
  /** From the first byte of a request to its last, in milliseconds. @default 900000 */
  readonly requestTimeoutMs?: number | undefined
}

export const defaultHost = '127.0.0.1'
const defaultPort = 8420

/** A socket that listens before there is anything to answer with. */
export interface ListeningSocket extends AsyncDisposable {
  readonly url: string
  /** Whether it listens on every address of the machine, so that `url` leads nowhere. */
  readonly everywhere: boolean
  /** Answers requests from now on, those first that have been waiting. */
  answer(listener: RequestListener): void
}

/**
 * The head of a request, and its body, have to be there by then: slow clients do not hold sockets for ever. The largest
 * upload has that long at the least speed that bodies may have.
 */
const longestHeadMs = 20_000
const longestRequestMs = 900_000

/**
 * How long a connection without a request stays open: longer than proxies keep theirs to a server (60 s to 75 s, and 600 s at
 * Google's), else one sends a request into a connection that is being closed, and its client sees 502. The head of the next
 * request has its time from its first byte.
 */
const keepAliveMs = 620_000

/**
 * Listens on an address. Requests wait until `answer` is called.
 * @throws SystemError for an address that cannot be listened on
 */
export async function openSocket({
  host = defaultHost,
  port = defaultPort,
  requestTimeoutMs,
}: SocketOptions): Promise<ListeningSocket> {
  const requestTimeout = requestTimeoutMs ?? longestRequestMs
  let listener: RequestListener | undefined
  const waiting: Parameters<RequestListener>[] = []
  const server = createServer(
    {
      headersTimeout: Math.min(longestHeadMs, requestTimeout),
      requestTimeout,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: Math.min(10_000, requestTimeout),
      maxHeaderSize: 16_384,
    },
    (...exchange) => {
      if (listener) listener(...exchange)
      else waiting.push(exchange)
    },
  )
  await listen(server, host, port)
  return {
    url: addressOf(server, host),
    everywhere: isEverywhere(server),
    answer(next) {
      listener = next
      for (const exchange of waiting.splice(0)) next(...exchange)
    },
    [Symbol.asyncDispose]: () => close(server),
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  }).catch((cause: NodeJS.ErrnoException) => {
    throw new SystemError('system', systemMessage(cause) ?? cause.message, { cause })
  })
}

function addressOf(server: Server, host: string): string {
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function isEverywhere(server: Server): boolean {
  const address = server.address()
  return typeof address === 'object' && ['0.0.0.0', '::'].includes(address?.address ?? '')
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), 5_000)
  await closed
  clearTimeout(timer)
}
