import { constants, copyFile, link, mkdir, readdir, realpath, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { MediaError, messageOf } from '../errors.ts'
import { openWeights } from '../weights/checkpoint.ts'

/** The weights of a component in their new place. */
export interface PlacedWeights {
  readonly files: number
  /** Of the files. */
  readonly bytes: number
  /** Whether some of them are hard links to their sources. */
  readonly linked: boolean
  /** The name in the new folder of a file that was placed, by its real path before. */
  nameOf(source: string): string
}

/**
 * Clones, links or copies the weights of a component to a folder that is made, under the names they have; the index of
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
  let linked = false
  for (const file of weights.files) {
    const how = await place(file, path.join(target, names.get(file)!), copy)
    linked ||= how === 'linked'
    bytes += (await stat(file)).size
  }
  for (const entry of entries.filter(name => name.includes('.safetensors.index'))) {
    await copyFile(path.join(source, entry), path.join(target, entry))
  }
  return { files: weights.files.length, bytes, linked, nameOf: file => names.get(file)! }
}

/** Clones, links or copies the single files that a component's weights are in, to a folder that is made. */
export async function placeWeightsFiles(
  files: readonly string[],
  target: string,
  { copy }: { readonly copy: boolean },
): Promise<PlacedWeights> {
  await mkdir(target, { recursive: true })
  const names = new Map<string, string>()
  let bytes = 0
  let linked = false
  for (const file of files) {
    const base = path.basename(file)
    const taken = [...names.values()].includes(base)
    names.set(file, taken ? `${names.size}-${base}` : base)
    const how = await place(file, path.join(target, names.get(file)!), copy)
    linked ||= how === 'linked'
    bytes += (await stat(file)).size
  }
  return { files: files.length, bytes, linked, nameOf: file => names.get(file)! }
}

/** A clone shares the blocks of its source where the file system can do that; a hard link shares the file. */
async function place(source: string, target: string, copy: boolean): Promise<'copied' | 'linked'> {
  if (copy) {
    await copyFile(source, target, constants.COPYFILE_FICLONE)
    return 'copied'
  }
  const cloned = copyFile(source, target, constants.COPYFILE_FICLONE_FORCE)
  if (await cloned.then(() => true).catch(() => false)) return 'copied'
  await rm(target, { force: true })
  try {
    await link(source, target)
    return 'linked'
  } catch (cause) {
    throw linkError(source, cause as NodeJS.ErrnoException)
  }
}

function linkError(source: string, cause: NodeJS.ErrnoException): unknown {
  if (cause.code === 'ENOSPC' || cause.code === 'EROFS') return cause
  return new MediaError(
    'media/output',
    {
      subject: `link to ${source}`,
      expected: 'an output on the same file system',
      got: cause.code === 'EXDEV' ? 'another one' : messageOf(cause),
      advice: 'Copy the weights with --copy, or choose a folder beside the model.',
    },
    { cause },
  )
}
