import { randomUUID } from 'node:crypto'
import { access, constants, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, extname, resolve } from 'node:path'
import { FramewrightError, MediaError } from '../errors.ts'
import { systemReasonOf } from '../system-errors.ts'
import { type UnfinishedFile, unfinishedFiles, unfinishedPath } from '../unfinished-files.ts'
import { libraryReason } from './library-reason.ts'

/** What can be written: by the extension of the path, or a folder of pictures when the path ends with a slash. */
const outputFormats = ['.mp4', '.webm', '.gif', '.webp', 'folder/'] as const
export type OutputFormat = (typeof outputFormats)[number]

/** Whether a format has a place for sound. */
export function holdsSound(format: OutputFormat): boolean {
  return format !== '.gif' && format !== '.webp'
}

/**
 * The format that a path asks for.
 * @throws MediaError when the extension is not one of those that can be written
 */
export function outputFormat(path: string): OutputFormat {
  if (/[/\\]$/.test(path)) return 'folder/'
  const extension = extname(path).toLowerCase()
  const format = outputFormats.find(known => known === extension)
  if (format !== undefined) return format
  throw new MediaError('media/output', {
    subject: path || 'output',
    expected: 'a name that ends in .mp4, .webm, .gif or .webp, or in / for a folder of PNG files',
    got: extension || (path === '' ? 'an empty one' : 'no extension'),
  })
}

/**
 * Checks that a clip can be written to a path, so that a wrong one is reported before the work and not after it.
 * An existing file will be replaced; an existing folder must be empty.
 *
 * @throws MediaError when the extension is unknown, the folder is missing, cannot be written to or holds files
 */
export async function checkOutput(path: string): Promise<OutputFormat> {
  const format = outputFormat(path)
  const parent = dirname(resolve(path))
  const parentStat = await stat(parent).catch(() => undefined)
  if (!parentStat?.isDirectory()) {
    const got = parentStat === undefined ? `none at ${parent}` : `a file at ${parent}`
    const advice = parentStat === undefined ? `Create it: mkdir -p ${parent}` : 'Choose another path.'
    throw new MediaError('media/output', { subject: path, expected: 'a folder to write into', got, advice })
  }
  await access(parent, constants.W_OK).catch(error => {
    throw outputError(path, error)
  })
  await checkTarget(path, format)
  return format
}

async function checkTarget(path: string, format: OutputFormat): Promise<void> {
  const existing = await stat(resolve(path)).catch(error => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw outputError(path, error) // a name that is too long, among others
  })
  if (existing === undefined) return
  if (format !== 'folder/') {
    if (!existing.isDirectory()) return
    throw new MediaError('media/output', { subject: path, expected: 'the name of a file', got: 'a folder' })
  }
  const got = existing.isDirectory() ? await contentsOf(path) : 'a file of that name'
  if (got === undefined) return
  const advice = 'Choose another name, or empty the folder.'
  throw new MediaError('media/output', { subject: path, expected: 'a new or empty folder', got, advice })
}

async function contentsOf(folder: string): Promise<string | undefined> {
  const count = (await readdir(folder)).length
  return count === 0 ? undefined : `one with ${count} ${count === 1 ? 'entry' : 'entries'}`
}

/** A place beside the final one where an output is made until it is whole. */
export class UnfinishedOutput {
  /** The file or folder to write to. */
  readonly path: string
  readonly #final: string

  constructor(path: string) {
    this.#final = resolve(path)
    this.path = unfinishedPath(this.#final, `.${randomUUID().slice(0, 8)}.part`)
    unfinishedFiles.publish({ path: this.path, done: false } satisfies UnfinishedFile)
  }

  /** Gives the output its final name, replacing a file of that name. */
  async publish(): Promise<void> {
    // Windows does not rename over a folder; an empty one was allowed to exist.
    if ((await stat(this.path)).isDirectory()) await rmdir(this.#final).catch(() => undefined)
    await rename(this.path, this.#final)
    this.#done()
  }

  /** Removes everything that was written. */
  async discard(): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
    this.#done()
  }

  #done(): void {
    unfinishedFiles.publish({ path: this.path, done: true } satisfies UnfinishedFile)
  }
}

/** What stopped an output from being written, in words. */
export function outputError(path: string, error: unknown): FramewrightError {
  if (FramewrightError.is(error)) return error
  const what = systemReasonOf(error) ?? {
    expected: 'an output that can be written',
    got: libraryReason(error),
  }
  return new MediaError('media/output', { subject: path, ...what }, { cause: error })
}
