import { open, readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { cachedRepository, isRepositoryFolder, snapshotIn } from '../hub/hugging-face-cache.ts'
import { exportManifestName } from './export-manifest.ts'

/** What a path leads to, as far as running a model is concerned. */
export type RecognizedPath =
  /** Nothing of that name. */
  | { readonly kind: 'nothing' }
  /** A folder with model_index.json, in the diffusers layout. */
  | { readonly kind: 'diffusers'; readonly folder: string }
  /** A folder that the export command wrote. */
  | { readonly kind: 'exported'; readonly folder: string }
  /** `models--owner--name` of the Hugging Face cache; `folder` is its snapshot, undefined where it has none. */
  | { readonly kind: 'repository'; readonly id: string; readonly folder: string | undefined }
  /** One component of a model: `model` is the folder that lists it, where it stands in one. */
  | { readonly kind: 'component'; readonly className: string; readonly model: string | undefined }
  /** A folder of weights that is not laid out in components, as a model's makers publish them: its place, and their names. */
  | { readonly kind: 'weights-folder'; readonly place: string; readonly files: readonly string[] }
  /** Any other folder. */
  | { readonly kind: 'folder' }
  | { readonly kind: 'safetensors' }
  | { readonly kind: 'gguf' }
  /** A zip archive or another file that Python's pickle reads. */
  | { readonly kind: 'pickle' }
  /** A Git LFS pointer: what a clone without LFS leaves in place of weights. */
  | { readonly kind: 'lfs-pointer' }
  /** Any other file. */
  | { readonly kind: 'file' }

/** Says what a path is, from names and first bytes. This is the one place where kinds of models are told apart. */
export async function recognizePath(location: string): Promise<RecognizedPath> {
  const found = await stat(location).catch(() => undefined)
  if (found === undefined) return { kind: 'nothing' }
  return found.isDirectory() ? await recognizeFolder(location) : await recognizeFile(location)
}

/** What a model is opened from. */
export interface ModelPath {
  readonly kind: 'folder' | 'file'
  readonly path: string
}

/**
 * What is opened of a path: a folder, the snapshot where it is a repository's folder of the Hugging Face cache, or a file
 * that may be a transformer's; undefined where nothing can be.
 */
export function runnablePath(recognized: RecognizedPath, location: string): ModelPath | undefined {
  if (recognized.kind === 'safetensors' || recognized.kind === 'gguf') return { kind: 'file', path: location }
  const folder = 'folder' in recognized ? recognized.folder : undefined
  return folder === undefined ? undefined : { kind: 'folder', path: folder }
}

async function recognizeFolder(folder: string): Promise<RecognizedPath> {
  const names = await readdir(folder).catch((): string[] => [])
  if (names.includes(exportManifestName)) return { kind: 'exported', folder }
  if (names.includes('model_index.json')) return { kind: 'diffusers', folder }
  const id = cachedRepository(folder)
  if (id !== undefined && isRepositoryFolder(folder)) {
    return { kind: 'repository', id, folder: await snapshotIn(folder) }
  }
  const className = names.includes('config.json')
    ? await classNameIn(path.join(folder, 'config.json'))
    : undefined
  const model = path.dirname(path.resolve(folder))
  if (await isListed(model, path.basename(path.resolve(folder))))
    return { kind: 'component', className: className ?? path.basename(folder), model }
  const files = names.filter(name => /\.(safetensors|gguf|pth|pt|ckpt|bin)$/i.test(name))
  const original = files.some(name => /\.pth$/.test(name)) || files.length > 1
  if (className !== undefined && !original) return { kind: 'component', className, model: undefined }
  return files.length > 0
    ? { kind: 'weights-folder', place: folder, files: files.sort() }
    : { kind: 'folder' }
}

/** Whether the index of a model lists a component of this name. */
async function isListed(model: string, name: string): Promise<boolean> {
  const index = await readFile(path.join(model, 'model_index.json'), 'utf8').catch(() => '')
  // The name of a component is a key of it, also where the rest of the file is broken.
  return index.includes(JSON.stringify(name))
}

async function classNameIn(file: string): Promise<string | undefined> {
  try {
    const config: unknown = JSON.parse(await readFile(file, 'utf8'))
    const { _class_name: name } = config as { _class_name?: unknown }
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined
  }
}

async function recognizeFile(file: string): Promise<RecognizedPath> {
  const start = await firstBytes(file)
  if (start.startsWith('GGUF')) return { kind: 'gguf' }
  if (start.startsWith('version https://git-lfs.')) return { kind: 'lfs-pointer' }
  if (start.startsWith('PK\x03\x04') || start.startsWith('\x80\x02')) return { kind: 'pickle' }
  // A header's length, eight bytes, is followed by its JSON.
  if (start.charAt(8) === '{' || file.endsWith('.safetensors')) return { kind: 'safetensors' }
  return { kind: file.endsWith('.gguf') ? 'gguf' : 'file' }
}

async function firstBytes(file: string): Promise<string> {
  const handle = await open(file).catch(() => undefined)
  if (!handle) return ''
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(32), 0, 32, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } finally {
    await handle.close()
  }
}
