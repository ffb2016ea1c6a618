/** Looks for the parts of a model near its transformer's file, as ComfyUI's folders have them. */
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { CheckpointError } from '../errors.ts'
import type { Family } from '../pipeline/family.ts'
import type { NeededPart } from '../pipeline/single-files.ts'
import { fileOptions, type LocatedPart, partsIn } from './model-files.ts'

/** ComfyUI's folders of each component. */
const folders: Readonly<Record<string, readonly string[]>> = {
  text_encoder: ['text_encoders', 'clip'],
  vae: ['vae'],
  image_encoder: ['clip_vision'],
}

/** How far above the transformer ComfyUI's folders may begin, and how far a folder is searched down. */
const levelsUp = 3
const levelsDown = 2

/** Files of a place that are looked into. */
const maxCandidates = 500

/**
 * The one file near a transformer that has a part: beside it, then in ComfyUI's folders above it, then in the folder
 * of models. The first place that has any decides.
 * @param near the transformer's file
 * @throws CheckpointError `checkpoint/not-found` where there is none, or several, with their names
 */
export async function findPart(
  need: NeededPart,
  { near, family, modelsFolder }: { near: string; family: Family; modelsFolder: string | undefined },
): Promise<LocatedPart> {
  const looked: string[] = []
  for (const place of placesOf(need.component, near, modelsFolder)) {
    const files = (await Promise.all(place.map(({ folder, depth }) => weightsIn(folder, depth)))).flat()
    if (files.length > 0) looked.push(...new Set(files.map(file => path.dirname(file))))
    const found: LocatedPart[] = []
    for (const file of files.slice(0, maxCandidates)) {
      const parts = await partsIn(file, family).catch(() => [])
      found.push(...parts.filter(part => part.component === need.component && need.fits(part)))
    }
    const [first] = found
    if (first && found.length === 1) return first
    if (first) throw several(need, found)
  }
  throw none(need, near, looked)
}

interface Place {
  readonly folder: string
  readonly depth: number
}

function placesOf(component: string, near: string, modelsFolder: string | undefined): Place[][] {
  const names = folders[component] ?? []
  const below = (root: string) => names.map(name => ({ folder: path.join(root, name), depth: levelsDown }))
  const roots: string[] = []
  for (let root = path.dirname(near); roots.length <= levelsUp; root = path.dirname(root)) roots.push(root)
  const above = roots.map(below)
  const given = modelsFolder === undefined ? [] : [below(modelsFolder), [{ folder: modelsFolder, depth: 0 }]]
  return [[{ folder: path.dirname(near), depth: 0 }], ...above, ...given]
}

async function weightsIn(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const sorted = entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  const found = await Promise.all(
    sorted.map(async entry => {
      const file = path.join(folder, entry.name)
      if (entry.isDirectory()) return depth > 0 ? await weightsIn(file, depth - 1) : []
      return /\.(?:safetensors|sft|gguf)$/i.test(entry.name) ? [file] : []
    }),
  )
  return found.flat()
}

function several(need: NeededPart, found: readonly LocatedPart[]): CheckpointError {
  return new CheckpointError('checkpoint/not-found', {
    subject: need.component,
    expected: `one file with ${need.what}`,
    got: found.map(({ file }) => file.path).join(', '),
    advice: `Choose one with ${flagOf(need)} <file>.`,
  })
}

function none(need: NeededPart, near: string, looked: readonly string[]): CheckpointError {
  const names = (folders[need.component] ?? []).join('/ or ')
  const where = looked.length > 0 ? ` in ${[...new Set(looked)].join(', ')}` : ''
  return new CheckpointError('checkpoint/not-found', {
    subject: `model ${near}`,
    expected: `${need.what} beside it, or in ${names}/ above it`,
    got: `none${where}`,
    advice: `Download one, for example from ${need.repository}, and give it as ${flagOf(need)} <file>.`,
  })
}

function flagOf({ component }: NeededPart): string {
  return fileOptions[component as keyof typeof fileOptions]?.flag ?? component
}
