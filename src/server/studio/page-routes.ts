import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { packageFolder } from '../../engine/package-info.ts'
import { type HttpError, noSuchEndpoint } from '../http/http-error.ts'
import type { Route } from '../http/route.ts'
import type { Services } from '../services.ts'
import { type PageFile, readPageFiles } from './page-files.ts'

/**
 * The page may load what this server has and nothing else, runs no script that stands in it, and is shown in no other page.
 * Pictures that are not sent yet are `blob:`, previews `data:`.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const pageHeaders = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** Names of assets have a hash of what is in them. */
const assetCaching = 'public, max-age=31536000, immutable'

/** The Studio, a page over this interface, and the interface's documentation. */
export function pageRoutes({ settings }: Pick<Services, 'settings'>): Route[] {
  let files: Promise<ReadonlyMap<string, PageFile>> | undefined
  /** @throws HttpError 404 where the page is turned off, or has no such file */
  async function send(incoming: IncomingMessage, name: string, caching: string): Promise<Response> {
    if (!settings.studio) throw notFound(incoming)
    files ??= readPageFiles(join(packageFolder(), 'dist/studio'))
    const file = (await files).get(name)
    if (!file) throw notFound(incoming)
    return fileResponse(file, incoming, caching)
  }
  return [
    {
      method: 'GET',
      path: '/',
      api: 'framewright',
      summary: 'The Studio, for a browser',
      access: 'open',
      note: 'Only where Accept has text/html; --no-studio turns it off.',
      async handle({ incoming }) {
        if (!/\btext\/html\b/.test(incoming.headers.accept ?? '')) throw notFound(incoming)
        return await send(incoming, 'index.html', 'no-cache')
      },
    },
    {
      method: 'GET',
      path: '/docs',
      api: 'framewright',
      summary: 'This interface as a page to read',
      access: 'open',
      handle: ({ incoming }) => send(incoming, 'docs.html', 'no-cache'),
    },
    {
      method: 'GET',
      path: '/assets/{name}',
      api: 'framewright',
      summary: 'Scripts and styles of the pages',
      access: 'open',
      handle: ({ incoming, params }) => send(incoming, `assets/${params.name}`, assetCaching),
    },
  ]
}

function fileResponse(
  { contentType, bytes, compressed }: PageFile,
  incoming: IncomingMessage,
  caching: string,
): Response {
  const brotli = compressed && /\bbr\b/.test(String(incoming.headers['accept-encoding'] ?? ''))
  const body = brotli ? compressed : bytes
  const headers = new Headers({
    ...pageHeaders,
    'content-type': contentType,
    'content-length': String(body.length),
    'cache-control': caching,
    vary: 'Accept, Accept-Encoding',
    ...(brotli && { 'content-encoding': 'br' }),
  })
  return new Response(incoming.method === 'HEAD' ? null : new Uint8Array(body), { headers })
}

function notFound({ method, url = '/' }: IncomingMessage): HttpError {
  return noSuchEndpoint(method, url.split('?')[0]!)
}
