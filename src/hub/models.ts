import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError } from '../errors.ts'
import { modelsFolder } from './environment.ts'
import { defaultRevision, modelFolder } from './model-folder.ts'
import { type PullRecord, readRecord } from './pull-record.ts'

/** A model that was pulled, or is being pulled. */
export interface PulledModel {
  readonly id: string
  readonly revision: string
  readonly commit: string
  /** Its folder, in the diffusers layout. */
  readonly path: string
  /** On disk, under their final names. */
  readonly bytes: number
  /** False when the pull was interrupted or a file has gone. */
  readonly complete: boolean
}

/** The models that are kept in a folder (see `modelsFolder`), ordered by id and revision. */
export async function listModels({ folder = modelsFolder() } = {}): Promise<PulledModel[]> {
  const found: PulledModel[] = []
  for (const path of await candidates(folder)) {
    const record = await readRecord(path)
    if (record) found.push(await describe(path, record))
  }
  return found.sort((a, b) => (`${a.id}@${a.revision}` < `${b.id}@${b.revision}` ? -1 : 1))
}

/**
 * The folder of a model that was pulled.
 * @throws RequestError for a name that cannot be one; CheckpointError when it was not pulled, or not to its end
 */
export async function modelPath(
  id: string,
  { revision = defaultRevision, folder = modelsFolder() } = {},
): Promise<string> {
  const path = modelFolder(folder, { id, revision })
  const record = await readRecord(path)
  const model = record && (await describe(path, record))
  if (model?.complete) return path
  throw new CheckpointError('checkpoint/not-found', {
    subject: `model ${id}`,
    expected: `a complete model in ${path}`,
    got: model ? 'a part of it' : 'nothing',
    advice: `Run: framewright models pull ${id}${revision === defaultRevision ? '' : ` --revision ${revision}`}`,
  })
}

/** Folders one and two levels down: `name` and `owner/name`. */
async function candidates(folder: string): Promise<string[]> {
  const owners = await folders(folder)
  const models = await Promise.all(owners.map(folders))
  return [...owners, ...models.flat()]
}

async function folders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  return entries.filter(entry => entry.isDirectory()).map(entry => join(path, entry.name))
}

async function describe(
  path: string,
  { id, revision, commit, complete, files }: PullRecord,
): Promise<PulledModel> {
  const sizes = await Promise.all(
    files.map(async file => (await stat(join(path, file.path)).catch(() => null))?.size),
  )
  return {
    id,
    revision,
    commit,
    path,
    bytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0),
    complete: complete && files.every((file, index) => sizes[index] === file.bytes),
  }
}
