import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { HubFile } from './repository.ts'

/** A hash to feed a file's content into, which then is to equal its checksum. */
export function hashOf({ bytes, checksum }: HubFile): Hash {
  if (checksum.algorithm !== 'git-sha1') return createHash(checksum.algorithm)
  return createHash('sha1').update(`blob ${bytes}\0`) // git's object id of a file
}

/** Feeds the first bytes of a file on disk into a hash. */
export async function hashStart(
  path: string,
  bytes: number,
  hash: Hash,
  signal?: AbortSignal,
): Promise<void> {
  if (bytes === 0) return
  for await (const chunk of createReadStream(path, { end: bytes - 1, ...(signal && { signal }) }))
    hash.update(chunk)
}

/** Whether a file on disk is the one that the hub lists. */
export async function matchesChecksum(path: string, file: HubFile, signal?: AbortSignal): Promise<boolean> {
  const hash = hashOf(file)
  await hashStart(path, file.bytes, hash, signal)
  return hash.digest('hex') === file.checksum.hex
}
