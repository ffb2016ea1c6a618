import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join, resolve, sep } from 'node:path'
import { huggingFaceCache } from './environment.ts'
import { defaultRevision, type ModelName } from './model-folder.ts'

/** `models--owner--name`, the folder of a repository in the cache of Hugging Face's tools. */
const repositoryFolder = /^models--(?<id>.+)$/

/** The repository that a folder of the cache, or a snapshot in it, is of; undefined for other folders. */
export function cachedRepository(path: string): string | undefined {
  const names = resolve(path).split(sep)
  const id = names.map(name => repositoryFolder.exec(name)?.groups?.id).findLast(each => each !== undefined)
  return id?.replaceAll('--', '/')
}

/** Whether a folder is one of the cache that holds snapshots, not a model itself. */
export function isRepositoryFolder(path: string): boolean {
  return repositoryFolder.test(basename(resolve(path)))
}

/**
 * The snapshot of a repository's folder in the cache (`huggingface_hub`, "Understand caching"): the one that a branch
 * or tag stands for, or a commit itself; where `main` was never fetched, the newest that there is.
 */
export async function snapshotIn(
  repository: string,
  revision: string = defaultRevision,
): Promise<string | undefined> {
  const named = await readFile(join(repository, 'refs', revision), 'utf8').catch(() => revision)
  const wanted = join(repository, 'snapshots', named.trim())
  if (await isFolder(wanted)) return wanted
  return revision === defaultRevision ? await newest(join(repository, 'snapshots')) : undefined
}

/** The snapshot of a model that Hugging Face's tools have downloaded; undefined where they have not. */
export async function cachedSnapshot(
  { id, revision }: ModelName,
  cache: string = huggingFaceCache(),
): Promise<string | undefined> {
  return await snapshotIn(join(cache, `models--${id.replaceAll('/', '--')}`), revision)
}

/** Every repository in the cache that has a snapshot, with its folder, by id. */
export async function cachedSnapshots(
  cache: string = huggingFaceCache(),
): Promise<{ readonly id: string; readonly folder: string }[]> {
  const names = (await readdir(cache).catch((): string[] => [])).sort()
  const found = names
    .filter(name => repositoryFolder.test(name))
    .map(async name => {
      const folder = await snapshotIn(join(cache, name))
      return folder === undefined ? [] : [{ id: cachedRepository(folder)!, folder }]
    })
  return (await Promise.all(found)).flat()
}

async function newest(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => [])
  const paths = names.map(name => join(folder, name))
  const found = await Promise.all(paths.map(async path => ({ path, at: (await stat(path)).mtimeMs })))
  return found.sort((a, b) => b.at - a.at)[0]?.path
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}
