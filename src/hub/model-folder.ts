import { join } from 'node:path'
import { invalidRequest } from '../errors.ts'

/** The revision that is pulled when none is asked for. */
export const defaultRevision = 'main'

/** A model of the hub at a branch, tag or commit. */
export interface ModelName {
  /** `owner/name`. */
  readonly id: string
  readonly revision: string
}

/**
 * The folder of a model below the models folder: `owner/name`, and `owner/name@revision` for another revision
 * than `main`. It is an ordinary diffusers folder.
 * @throws RequestError when the name is not one that the hub allows
 */
export function modelFolder(modelsFolder: string, { id, revision }: ModelName): string {
  checkModelName({ id, revision })
  const suffix = revision === defaultRevision ? '' : `@${encodeURIComponent(revision)}`
  return join(modelsFolder, ...`${id}${suffix}`.split('/'))
}

/** @throws RequestError when the id is not `owner/name` (or an old one-word name), or the revision is no git name */
export function checkModelName({ id, revision }: ModelName): void {
  const words = id.split('/')
  if (words.length > 2 || !words.every(word => /^\w[\w.-]*$/.test(word) && !word.includes('..'))) {
    throw invalidRequest('model', 'the name of a model on the hub, owner/name', JSON.stringify(id))
  }
  if (!/^\w[\w./-]*$/.test(revision) || revision.includes('..')) {
    throw invalidRequest('revision', 'a branch, tag or commit', JSON.stringify(revision))
  }
}
