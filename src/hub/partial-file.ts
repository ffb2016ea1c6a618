import type { Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hashOf, hashStart } from './checksum.ts'
import { partialSuffix } from './file-path.ts'
import type { HubFile } from './repository.ts'

/**
 * A file that is being received under its temporary name. What an earlier pull left there counts as received;
 * whether it was right shows when the checksum of the whole is taken.
 */
export class PartialFile implements AsyncDisposable {
  readonly #file: HubFile
  readonly #target: string
  readonly #handle: FileHandle
  #hash: Hash
  #received = 0

  private constructor(file: HubFile, target: string, handle: FileHandle) {
    this.#file = file
    this.#target = target
    this.#handle = handle
    this.#hash = hashOf(file)
  }

  /** Opens `<target>.partial`, made if it is not there, and hashes what it holds. */
  static async open(file: HubFile, target: string, signal?: AbortSignal): Promise<PartialFile> {
    await mkdir(dirname(target), { recursive: true })
    const handle = await open(target + partialSuffix, constants.O_RDWR | constants.O_CREAT)
    const partial = new PartialFile(file, target, handle)
    try {
      const { size } = await handle.stat()
      if (size > file.bytes) await partial.restart()
      else await partial.#adopt(size, signal)
      return partial
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async #adopt(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    await hashStart(this.#target + partialSuffix, bytes, this.#hash, signal)
    this.#received = bytes
  }

  /** Bytes that are on disk. */
  get received(): number {
    return this.#received
  }

  /** Adds bytes after those received. */
  async append(chunk: Uint8Array): Promise<void> {
    for (let written = 0; written < chunk.length; ) {
      const position = this.#received + written
      written += (await this.#handle.write(chunk, written, chunk.length - written, position)).bytesWritten
    }
    this.#hash.update(chunk)
    this.#received += chunk.length
  }

  /** Forgets what was received. */
  async restart(): Promise<void> {
    await this.#handle.truncate(0)
    this.#hash = hashOf(this.#file)
    this.#received = 0
  }

  /** Whether everything that was received is what the hub lists. To be asked once, when all bytes are there. */
  isRight(): boolean {
    return this.#hash.digest('hex') === this.#file.checksum.hex
  }

  /** Gives the file its name. */
  async finish(): Promise<void> {
    await this.#handle.sync()
    await rename(this.#target + partialSuffix, this.#target)
  }

  /** Removes what was received from disk. */
  async discard(): Promise<void> {
    await rm(this.#target + partialSuffix, { force: true })
  }

  /** Closes the file; what was received stays for the next pull. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}
