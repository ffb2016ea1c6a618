import { setTimeout } from 'node:timers/promises'
import { HubError, messageOf } from '../errors.ts'
import type { FileProgressEvent, FileRetryEvent } from './events.ts'
import type { HubClient } from './hub-client.ts'
import { PartialFile } from './partial-file.ts'
import type { HubFile } from './repository.ts'
import { delayAfter, HttpStatusError, isTransient, type RetryPolicy, TransferError } from './retry.ts'

export interface DownloadOptions {
  readonly url: string
  /** Name of the file once it is whole. */
  readonly target: string
  readonly client: HubClient
  readonly retry: RetryPolicy
  readonly signal: AbortSignal | undefined
}

type DownloadEvent = FileProgressEvent | FileRetryEvent

/** At most this often is progress reported. */
const progressIntervalMs = 100

/**
 * Downloads a file to `<target>.partial`, going on from what is there already, checks size and checksum, and
 * renames it to its target. Broken transfers are taken up again where they stopped. Content with a wrong checksum
 * is thrown away and downloaded once more from its start, as what an earlier pull left may be of another version.
 *
 * The ranged requests are made here and not with the hub library's blobs, because those hide the status of a
 * failure and whether a range was served.
 * @throws HubError when the checksum is wrong twice; whatever the last attempt failed with otherwise
 */
export async function* downloadFile(file: HubFile, options: DownloadOptions): AsyncGenerator<DownloadEvent> {
  await using partial = await PartialFile.open(file, options.target, options.signal)
  for (let restarts = 0; ; restarts++) {
    yield* receiveWithRetries(file, partial, options)
    if (partial.isRight()) break
    if (restarts > 0) {
      await partial.discard()
      throw wrongChecksum(file)
    }
    await partial.restart()
    yield { type: 'file-retry', file: file.path, reason: 'its checksum was wrong', delayMs: 0 }
  }
  await partial.finish()
}

/** Receives until all bytes are there; only failures without any progress in between count as failures in a row. */
async function* receiveWithRetries(
  file: HubFile,
  partial: PartialFile,
  options: DownloadOptions,
): AsyncGenerator<DownloadEvent> {
  const { retry, signal } = options
  for (let failures = 0; ; ) {
    const before = partial.received
    try {
      return yield* receive(file, partial, options)
    } catch (error) {
      failures = partial.received > before ? 1 : failures + 1
      if (failures > retry.retries || !isTransient(error)) throw error
      const delayMs = delayAfter(failures, retry)
      yield { type: 'file-retry', file: file.path, reason: messageOf(error), delayMs }
      await setTimeout(delayMs, undefined, { ...(signal && { signal }) })
    }
  }
}

/** One request for the bytes that are missing. */
async function* receive(
  file: HubFile,
  partial: PartialFile,
  options: DownloadOptions,
): AsyncGenerator<FileProgressEvent> {
  const progress = (): FileProgressEvent => ({
    type: 'file-progress',
    file: file.path,
    received: partial.received,
    bytes: file.bytes,
  })
  if (partial.received < file.bytes) {
    const body = await request(partial, options)
    let reported = Number.NEGATIVE_INFINITY
    for await (const chunk of body) {
      if (partial.received + chunk.length > file.bytes) await overflow(file, partial)
      await partial.append(chunk)
      if (performance.now() - reported < progressIntervalMs || partial.received === file.bytes) continue
      reported = performance.now()
      yield progress()
    }
    if (partial.received < file.bytes) {
      throw new TransferError(`the connection ended after ${partial.received} of ${file.bytes} bytes`)
    }
  }
  yield progress()
}

/** Asks for the rest of the file. A server that sends the whole instead, or refuses the range, makes it start over. */
async function request(
  partial: PartialFile,
  { url, client }: DownloadOptions,
): Promise<ReadableStream<Uint8Array>> {
  const start = partial.received
  const range = start > 0 ? { range: `bytes=${start}-` } : {}
  const response = await client.fetch(url, { headers: { 'accept-encoding': 'identity', ...range } })
  if (response.ok && response.body && servesFrom(response, start)) return response.body
  if (response.ok && response.body && servesFrom(response, 0)) {
    await partial.restart()
    return response.body
  }
  await response.body?.cancel()
  if (response.status !== 416 && !response.ok) throw new HttpStatusError(url, response.status)
  await partial.restart()
  throw new TransferError(`the server does not serve bytes from ${start}`)
}

/** Whether the body of a response begins at a byte of the file. */
function servesFrom(response: Response, start: number): boolean {
  if (response.status !== 206) return start === 0
  return response.headers.get('content-range')?.startsWith(`bytes ${start}-`) ?? false
}

/** More came than the file has: nothing that was received can be trusted. */
async function overflow(file: HubFile, partial: PartialFile): Promise<never> {
  await partial.restart()
  throw new TransferError(`the server sent more than ${file.bytes} bytes`)
}

function wrongChecksum({ path, checksum }: HubFile): HubError {
  return new HubError('hub/download', {
    subject: path,
    expected: `content with the ${checksum.algorithm} ${checksum.hex}`,
    got: 'something else, twice',
    advice: 'Try again later, or from another endpoint.',
  })
}
