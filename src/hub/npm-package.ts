import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { checkFreeSpace } from './disk-space.ts'
import { downloadFile } from './download-file.ts'
import { registryAddress } from './environment.ts'
import type { PullEvent } from './events.ts'
import { hubClient } from './hub-client.ts'
import { pullError } from './pull-error.ts'
import type { Checksum } from './repository.ts'
import { defaultRetry } from './retry.ts'

/** One version of a package, pinned by what it has to contain: whichever registry serves it, it is the same. */
export interface NpmPackage {
  readonly name: string
  readonly version: string
  /** Of its archive. */
  readonly bytes: number
  /** Of its archive, as lock files have it: `sha512-…` in base64. */
  readonly integrity: string
  /** The folder in the archive that is wanted. */
  readonly folder: string
}

/**
 * Downloads a package's archive and checks its size and hash. A download that was interrupted goes on where it stopped.
 * @throws HubError when the registry does not deliver it; CancelledError after an abort
 */
export async function* pullNpmPackage(
  release: NpmPackage,
  target: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<PullEvent> {
  const { name, version, bytes } = release
  const endpoint = registryAddress()
  try {
    const client = hubClient({ from: 'registry', endpoint, token: undefined, signal })
    const file = { path: path.basename(target), bytes, checksum: checksumOf(release.integrity) }
    await mkdir(path.dirname(target), { recursive: true })
    await checkFreeSpace(path.dirname(target), [file])
    yield {
      type: 'pull-start',
      id: name,
      commit: version,
      path: path.dirname(target),
      files: 1,
      bytes,
    }
    const base = name.split('/').at(-1)!
    const url = `${client.endpoint}/${name}/-/${base}-${version}.tgz`
    yield* downloadFile(file, { url, target, client, retry: defaultRetry, signal })
    yield { type: 'file-end', file: file.path, bytes, reused: false }
  } catch (error) {
    throw pullError(error, { from: 'registry', id: name, revision: version, endpoint, signal })
  }
}

function checksumOf(integrity: string): Checksum {
  const [algorithm, digest = ''] = integrity.split(/-(.*)/s)
  if (algorithm !== 'sha512') throw new TypeError(`integrity: expected sha512, got ${algorithm}.`)
  return { algorithm, hex: Buffer.from(digest, 'base64').toString('hex') }
}
