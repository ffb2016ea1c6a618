import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { FramewrightError } from '../../errors.ts'
import type { Storage } from '../../jobs/storage.ts'
import { type FileKind, fileKind } from '../../media/file-kind.ts'
import { FairGate } from '../http/fair-gate.ts'
import { invalidField } from '../http/http-error.ts'
import { type AssetKind, assetLimits, fetchesAtOnce, uploadHours } from './asset-limits.ts'
import { isDataUri, readDataUri } from './data-uri.ts'
import { AssetError, fetchAsset } from './fetch-asset.ts'
import type { InlineData } from './inline-data.ts'
import type { AddressPolicy } from './vetted-request.ts'

const kinds: Readonly<Record<AssetKind, readonly FileKind[]>> = {
  image: ['jpeg', 'png', 'webp', 'avif'],
  video: ['movie', 'gif', 'webp'],
}

/** Schemes are of any case. */
const uploadScheme = /^runway:\/\//i
const uploadId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Pictures and videos that clients refer to, as files in the storage: their bytes are looked at, not their names. */
export class AssetStore {
  readonly #storage: Storage
  readonly #policy: AddressPolicy
  readonly #inline: Pick<InlineData, 'find'> | undefined
  readonly #fetches = new FairGate(fetchesAtOnce)

  /** @param inline the data URIs that were taken out of large bodies */
  constructor(storage: Storage, policy: AddressPolicy, inline?: Pick<InlineData, 'find'>) {
    this.#storage = storage
    this.#policy = policy
    this.#inline = inline
  }

  /**
   * Takes in what a URI stands for: `https:`, `data:` or `runway://`, of the owner.
   * @param field the place of the URI in the body, for messages
   * @returns its key in the storage
   * @throws HttpError 400 with the field and the reason
   */
  async take(uri: string, kind: AssetKind, owner: string, field: readonly PropertyKey[]): Promise<string> {
    try {
      return await this.#key(uri, kind, owner)
    } catch (error) {
      if (error instanceof AssetError) throw invalidField(field, error.message)
      throw error
    }
  }

  /** Takes over a file that was sent in a form. @throws HttpError 400 */
  async adopt(path: string, kind: AssetKind, field: readonly PropertyKey[]): Promise<string> {
    const key = newKey()
    await this.#storage.adopt(path, key)
    try {
      await this.#check(key, kind)
    } catch (error) {
      await this.#storage.remove(key)
      if (error instanceof AssetError) throw invalidField(field, error.message)
      throw error
    }
    return key
  }

  /** Whether a file holds a picture or a video. @throws HttpError 400 */
  async kindOf(path: string, field: readonly PropertyKey[]): Promise<AssetKind> {
    const { kind, got } = await kindOf(path)
    if (kind && kinds.image.includes(kind)) return 'image'
    if (kind && kinds.video.includes(kind)) return 'video'
    throw invalidField(field, `Unsupported asset type: expected a picture or a video, got ${got}`)
  }

  /** What an address stands for, where it may be either: the bytes of uploads say it. Others are pictures. @throws HttpError 400 */
  async kindOfAddress(uri: string, owner: string, field: readonly PropertyKey[]): Promise<AssetKind> {
    const upload = uri.trim().replace(uploadScheme, '')
    if (upload === uri.trim()) return /^data:video\//i.test(uri) ? 'video' : 'image'
    if (!uploadId.test(upload)) return 'image'
    const key = this.uploadKey(owner, upload)
    return (await this.#storage.stat(key)) ? await this.kindOf(this.#storage.pathOf(key), field) : 'image'
  }

  /** A copy of a file of the storage, which stays when that one is removed. */
  async copyOf(key: string): Promise<string> {
    const copy = newKey()
    await this.#storage.copy(key, copy)
    return copy
  }

  /** Key of an upload: in a folder of its owner's, so that nobody else can refer to it. */
  uploadKey(owner: string, id: string): string {
    return `uploads/${owner}/${id}`
  }

  async #key(uri: string, kind: AssetKind, owner: string): Promise<string> {
    const upload = uri.trim().replace(uploadScheme, '')
    if (upload !== uri.trim()) return await this.#uploaded(upload, kind, owner)
    const key = newKey()
    if (isDataUri(uri)) await this.#storage.write(key, dataOf(uri, kind, this.#inline?.find(uri)))
    else await this.#fetch(uri, kind, owner, key)
    try {
      await this.#check(key, kind)
    } catch (error) {
      await this.#storage.remove(key)
      throw error
    }
    return key
  }

  /** A few at a time of each owner: slow hosts of one hold up no other's. */
  async #fetch(uri: string, kind: AssetKind, owner: string, key: string): Promise<void> {
    const path = this.#storage.pathOf(`incoming/${randomUUID()}.part`)
    await mkdir(dirname(path), { recursive: true })
    try {
      await this.#fetches.run(owner, () => fetchAsset(uri, kind, this.#policy, path))
      await this.#storage.adopt(path, key)
    } finally {
      await rm(path, { force: true })
    }
  }

  async #uploaded(id: string, kind: AssetKind, owner: string): Promise<string> {
    const upload = uploadId.test(id) ? this.uploadKey(owner, id) : undefined
    const found = upload && (await this.#storage.stat(upload))
    if (!found || Date.now() - found.changed.getTime() > uploadHours * 3_600_000) {
      throw new AssetError('No such upload, or it has expired.')
    }
    await this.#check(upload, kind)
    return await this.copyOf(upload)
  }

  async #check(key: string, kind: AssetKind): Promise<void> {
    const found = await kindOf(this.#storage.pathOf(key))
    if (found.kind && kinds[kind].includes(found.kind)) return
    throw new AssetError(`Unsupported asset type: expected ${kinds[kind].join(', ')}, got ${found.got}`)
  }
}

/** What a file holds, and how a message says it: HEIC, TIFF and others are known by name, with what to do about them. */
async function kindOf(path: string): Promise<{ readonly kind?: FileKind; readonly got: string }> {
  try {
    const kind = await fileKind(path)
    return { kind, got: `${kind}.` }
  } catch (error) {
    if (!FramewrightError.is(error)) throw error
    const { got, advice } = error.expectation ?? {}
    return { got: advice === undefined ? 'another.' : `${got}. ${advice}` }
  }
}

function newKey(): string {
  return `inputs/${randomUUID()}`
}

function dataOf(uri: string, kind: AssetKind, inline: ReturnType<InlineData['find']>): Buffer {
  const limit = assetLimits[kind].data
  // Before all of it is looked at: base64 has 4 characters for 3 bytes, and room for line breaks, or 3 for each with percents.
  if (uri.length > (limit * 4 * (uri.includes('%') ? 3 : 1.5)) / 3 + 1024) throw tooLong(kind)
  const { data } = inline ?? { data: readDataUri(uri) }
  if (!data?.type.startsWith(`${kind}/`)) {
    throw new AssetError(`Invalid data URI: expected data:${kind}/…;base64,….`)
  }
  if (data.bytes.length > limit) throw tooLong(kind)
  return data.bytes
}

function tooLong(kind: AssetKind): AssetError {
  return new AssetError(`The data URI holds more than ${assetLimits[kind].data} bytes.`)
}
