/** Where the parts of a model of single files are looked for. */
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { huggingFaceCache, modelsFolder as pulledFolder } from '../hub/environment.ts'
import { cachedSnapshots } from '../hub/hugging-face-cache.ts'
import { listModels } from '../hub/models.ts'
import { readExtraModelPaths } from './extra-model-paths.ts'

/** A folder, and how far it is searched down. */
export interface Place {
  readonly folder: string
  readonly depth: number
}

/** ComfyUI's folders of each component. */
export const comfyFolders: Readonly<Record<string, readonly string[]>> = {
  text_encoder: ['text_encoders', 'clip'],
  text_encoder_2: ['text_encoders', 'clip'],
  // Some are read from a whole checkpoint by ComfyUI, and are published as a file of their own too.
  connectors: ['text_encoders', 'clip', 'checkpoints'],
  vae: ['vae'],
  audio_vae: ['vae', 'checkpoints'],
  vocoder: ['vae', 'checkpoints'],
  image_encoder: ['clip_vision'],
}

/** How far above the transformer ComfyUI's folders may begin, and how far a folder is searched down. */
const levelsUp = 3
const levelsDown = 2
/** Repositories have folders in folders. */
const levelsInRepository = 4

export interface PlaceOptions {
  readonly component: string
  /** The repository that is advised. */
  readonly repository: string
  /** The transformer's file. */
  readonly near: string
  /** A folder of models, such as ComfyUI's. */
  readonly modelsFolder: string | undefined
}

/**
 * Groups of folders in the order in which they are searched: beside the transformer; ComfyUI's folders above it; those of its
 * `extra_model_paths.yaml`; a folder of models; repositories that were pulled or are in the cache of Hugging Face's tools,
 * the advised one first. Files and repositories are listed only when a search comes to them.
 */
export async function* placesOf(options: PlaceOptions): AsyncGenerator<readonly Place[]> {
  const { component, near, modelsFolder } = options
  const names = comfyFolders[component] ?? []
  const below = (root: string) => names.map(name => ({ folder: path.join(root, name), depth: levelsDown }))
  const roots: string[] = []
  for (let root = path.dirname(near); roots.length <= levelsUp; root = path.dirname(root)) roots.push(root)
  const given = modelsFolder === undefined ? [] : [below(modelsFolder), [{ folder: modelsFolder, depth: 0 }]]
  const listing = [...roots, path.dirname(roots.at(-1)!)]
  if (modelsFolder !== undefined) listing.push(modelsFolder, path.dirname(path.resolve(modelsFolder)))
  yield [{ folder: path.dirname(near), depth: 0 }]
  yield* roots.map(below)
  yield await extraPlaces(names, listing)
  yield* given
  yield* await repositoryPlaces(options)
}

async function extraPlaces(names: readonly string[], folders: readonly string[]): Promise<Place[]> {
  const files = folders.map(folder => path.join(folder, 'extra_model_paths.yaml'))
  const listed = await Promise.all(files.map(readExtraModelPaths))
  return listed.flatMap(paths =>
    names.flatMap(name => paths.get(name) ?? []).map(folder => ({ folder, depth: levelsDown })),
  )
}

async function repositoryPlaces({ repository }: PlaceOptions): Promise<Place[][]> {
  const all = await repositories()
  const place = (folder: string) => ({ folder, depth: levelsInRepository })
  const advised = all.filter(({ id }) => id.toLowerCase() === repository.toLowerCase())
  const others = all.filter(each => !advised.includes(each))
  return [advised.map(({ folder }) => place(folder)), others.map(({ folder }) => place(folder))]
}

/** A repository of the hub on this machine. */
export interface LocalRepository {
  /** `owner/name`. */
  readonly id: string
  readonly folder: string
}

/** The repositories that were pulled, and those that Hugging Face's tools have downloaded. */
export async function repositories(): Promise<LocalRepository[]> {
  const pulled = await listModels({ folder: pulledFolder() })
  const cached = await cachedSnapshots(huggingFaceCache())
  return [...pulled.map(({ id, path: folder }) => ({ id, folder })), ...cached]
}

/** Whether a file holds weights that can be read, by its name. */
export function isWeightsFile(name: string): boolean {
  return /\.(?:safetensors|sft|gguf)$/i.test(name)
}

/** One file of sharded weights, which does not show a model's architecture by itself. */
const shard = /-\d{5}-of-\d{5}\.safetensors$/

/** The files of weights in a folder, and in those below it. */
export async function weightsIn({ folder, depth }: Place): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const sorted = entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  const found = await Promise.all(
    sorted.map(async entry => {
      const file = path.join(folder, entry.name)
      if (entry.isDirectory()) return depth > 0 ? await weightsIn({ folder: file, depth: depth - 1 }) : []
      return isWeightsFile(entry.name) && !shard.test(entry.name) ? [file] : []
    }),
  )
  return found.flat()
}
