import { createWriteStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { packageVersion } from '../../engine/package-info.ts'
import { type AssetKind, assetLimits, fetchSeconds } from './asset-limits.ts'
import { AddressError, type AddressPolicy, vettedRequest } from './vetted-request.ts'

/** A file that cannot be taken, and why: shown to the client with the name of the field. */
export class AssetError extends Error {
  override readonly name = 'AssetError'
}

/**
 * Downloads a picture or video from an address that a client gave, to a new file.
 * @throws AssetError; what was written of the file is left then
 */
export async function fetchAsset(
  url: string,
  kind: AssetKind,
  policy: AddressPolicy,
  path: string,
): Promise<void> {
  const signal = AbortSignal.timeout(fetchSeconds * 1000)
  const limit = assetLimits[kind].url
  const headers = { 'user-agent': `Framewright/${packageVersion()}`, accept: `${kind}/*` }
  try {
    const response = await vettedRequest(url, policy, { method: 'GET', headers, signal })
    try {
      checkResponse(response, kind, limit)
      await pipeline(response, bounded(limit), createWriteStream(path, { flags: 'wx' }), { signal })
    } finally {
      response.destroy()
    }
  } catch (error) {
    if (error instanceof AssetError) throw error
    if (error instanceof AddressError) throw new AssetError(error.message)
    // What a connection failed with would tell a client about the network that this server is in.
    throw new AssetError(signal.aborted ? 'Timeout while fetching asset.' : 'Failed to fetch asset.')
  }
}

function bounded(limit: number) {
  return async function* (chunks: AsyncIterable<Buffer>) {
    let bytes = 0
    for await (const chunk of chunks) {
      bytes += chunk.length
      if (bytes > limit) throw new AssetError(`The asset is larger than ${limit} bytes.`)
      yield chunk
    }
  }
}

function checkResponse({ statusCode = 0, headers }: IncomingMessage, kind: AssetKind, limit: number): void {
  if (statusCode >= 300 && statusCode < 400) throw new AssetError('Redirects are not followed.')
  if (statusCode !== 200) throw new AssetError(`Failed to fetch asset: its server answered ${statusCode}.`)
  const [type = ''] = (headers['content-type'] ?? '').split(';')
  if (!type.trim().toLowerCase().startsWith(`${kind}/`)) {
    throw new AssetError(`Unsupported asset type: expected ${kind}/*, got ${type.trim() || 'none'}.`)
  }
  if (Number(headers['content-length'] ?? 0) > limit) {
    throw new AssetError(`The asset is larger than ${limit} bytes.`)
  }
}
