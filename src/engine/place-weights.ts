import { constants, copyFile, link, mkdir, readdir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { MediaError, messageOf } from '../errors.ts'
import { openWeights } from '../weights/checkpoint.ts'

/** The weights of a component in their new place. */
export interface PlacedWeights {
  readonly files: number
  /** Of the files. */
  readonly bytes: number
  /** The name in the new folder of a file that was placed, by its real path before. */
  nameOf(source: string): string
}

/**
 * Links or copies the weights of a component to a folder that is made, under the names they have; the index of
 * shards is copied.
 * @throws CheckpointError when there are no weights; MediaError when they cannot be linked or copied
 */
export async function placeWeights(
  source: string,
  target: string,
  { copy }: { readonly copy: boolean },
): Promise<PlacedWeights> {
  const weights = await openWeights(source)
  const entries = await readdir(source)
  // Files of a cache are links whose targets have other names.
  const names = new Map<string, string>()
  for (const entry of entries.filter(name => name.endsWith('.safetensors'))) {
    names.set(await realpath(path.join(source, entry)), entry)
  }
  await mkdir(target, { recursive: true })
  let bytes = 0
  for (const file of weights.files) {
    await place(file, path.join(target, names.get(file)!), copy)
    bytes += (await stat(file)).size
  }
  for (const entry of entries.filter(name => name.includes('.safetensors.index'))) {
    await copyFile(path.join(source, entry), path.join(target, entry))
  }
  return { files: weights.files.length, bytes, nameOf: file => names.get(file)! }
}

async function place(source: string, target: string, copy: boolean): Promise<void> {
  if (copy) return await copyFile(source, target, constants.COPYFILE_FICLONE)
  try {
    await link(source, target)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EROFS') throw cause
    throw new MediaError(
      'media/output',
      {
        subject: `link to ${source}`,
        expected: 'an output on the same file system',
        got: code === 'EXDEV' ? 'another one' : messageOf(cause),
        advice: 'Copy the weights with --copy, or choose a folder beside the model.',
      },
      { cause },
    )
  }
}
