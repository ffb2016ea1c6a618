/** Looks for the parts of a model that were not named. */
import path from 'node:path'
import { CheckpointError } from '../errors.ts'
import type { Family } from '../pipeline/family.ts'
import type { NeededPart } from '../pipeline/single-files.ts'
import { fileOptions, type LocatedPart, neededIn, partsIn } from './model-files.ts'
import { comfyFolders, placesOf, weightsIn } from './part-places.ts'

/** Files of a place that are looked into. */
const maxCandidates = 500
/** Folders that an error names. */
const maxShown = 8

/**
 * The one file on this machine that has a part: the first place that has any decides (see `placesOf`).
 * @param near the transformer's file
 * @throws CheckpointError `checkpoint/not-found` where there is none, or several, with their names
 */
export async function findPart(
  need: NeededPart,
  { near, family, modelsFolder }: { near: string; family: Family; modelsFolder: string | undefined },
): Promise<LocatedPart> {
  const looked = new Set<string>()
  const { component, repository } = need
  for await (const places of placesOf({ component, repository, near, modelsFolder })) {
    const files = (await Promise.all(places.map(weightsIn))).flat()
    for (const file of files) looked.add(path.dirname(file))
    // One file may be reached by several names.
    const found = new Map<string, LocatedPart>()
    for (const file of files.slice(0, maxCandidates)) {
      const parts = await partsIn(file, family).catch(() => [])
      const fitting = neededIn(parts, need)
      if (fitting) found.set(fitting.file.path, fitting)
    }
    const [first] = found.values()
    if (first && found.size === 1) return first
    if (first) throw several(need, [...found.values()])
  }
  throw none(need, near, [...looked])
}

function several(need: NeededPart, found: readonly LocatedPart[]): CheckpointError {
  return new CheckpointError('checkpoint/not-found', {
    subject: need.component,
    expected: `one file with ${need.what}`,
    got: found.map(({ file }) => file.path).join(', '),
    advice: `Choose one with ${flagOf(need)} <file>.`,
  })
}

function none(need: NeededPart, near: string, folders: readonly string[]): CheckpointError {
  const names = (comfyFolders[need.component] ?? []).join('/ or ')
  const more = folders.length > maxShown ? ` and ${folders.length - maxShown} more folders` : ''
  const where = folders.length > 0 ? ` in ${folders.slice(0, maxShown).join(', ')}${more}` : ''
  return new CheckpointError('checkpoint/not-found', {
    subject: `model ${near}`,
    expected: `${need.what} beside it, or in ${names}/ above it`,
    got: `none${where}`,
    advice: `Fetch one with: framewright models pull ${need.repository}/${need.file}; or give yours as ${flagOf(need)} <file>.`,
  })
}

function flagOf({ component }: NeededPart): string {
  return fileOptions[component as keyof typeof fileOptions]?.flag ?? component
}
