import { readdir, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CheckpointError } from '../errors.ts'
import { modelsFolder } from './environment.ts'
import { partialSuffix, recordName } from './file-path.ts'
import { isWithin, parseHubPath } from './hub-path.ts'
import { defaultRevision, modelFolder } from './model-folder.ts'
import { type PullRecord, readRecord, writeRecord } from './pull-record.ts'

/** A model that was pulled, or is being pulled. */
export interface PulledModel {
  readonly id: string
  readonly revision: string
  readonly commit: string
  /** Its folder, in the diffusers layout where it was pulled whole. */
  readonly path: string
  /** On disk, under their final names. */
  readonly bytes: number
  /** False when the pull was interrupted or a file has gone. */
  readonly complete: boolean
  /** Whether it was pulled as a model, and not as single files or folders alone. */
  readonly whole: boolean
  /** Relative to the folder. */
  readonly files: readonly string[]
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
 * The folder of a model that was pulled, or the file or folder of it that a path after its name stands for.
 * @throws RequestError for a name that cannot be one; CheckpointError when it was not pulled, or not to its end
 */
export async function modelPath(
  name: string,
  { revision = defaultRevision, folder = modelsFolder() } = {},
): Promise<string> {
  const { id, part } = parseHubPath(name)
  const path = modelFolder(folder, { id, revision })
  const record = await readRecord(path)
  const model = record && (await describe(path, record))
  const files = record?.files.filter(file => isWithin(file.path, part)) ?? []
  if (part !== '' && files.length > 0 && files.every(({ verified }) => verified)) return join(path, part)
  if (part === '' && model?.complete && record?.parts.includes('')) return path
  throw new CheckpointError('checkpoint/not-found', {
    subject: `model ${name}`,
    expected: part ? `${part} in ${path}` : `a complete model in ${path}`,
    got: model ? 'a part of it' : 'nothing',
    advice: `Run: framewright models pull ${name}${revision === defaultRevision ? '' : ` --revision ${revision}`}`,
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

/**
 * Removes a model that was pulled, or the file or folder of it that a path after its name stands for.
 * @returns the files that were removed, and their bytes
 * @throws CheckpointError when nothing of it was pulled
 */
export async function removeModel(
  name: string,
  { revision = defaultRevision, folder = modelsFolder() } = {},
): Promise<{ readonly path: string; readonly files: number; readonly bytes: number }> {
  const { id, part } = parseHubPath(name)
  const path = modelFolder(folder, { id, revision })
  const record = await readRecord(path)
  const gone = record?.files.filter(file => part === '' || isWithin(file.path, part)) ?? []
  if (!record || (part !== '' && gone.length === 0)) {
    throw new CheckpointError('checkpoint/not-found', {
      subject: `model ${name}`,
      expected: `what was pulled of it in ${path}`,
      got: 'nothing',
      advice: 'List the models that are here with: framewright models list',
    })
  }
  let bytes = 0
  for (const file of gone) {
    const place = join(path, file.path)
    bytes += (await stat(place).catch(() => undefined))?.size ?? 0
    for (const each of [place, place + partialSuffix]) await rm(each, { force: true })
    await removeEmpty(dirname(place), path)
  }
  const files = record.files.filter(file => !gone.includes(file))
  if (files.length === 0) {
    await rm(join(path, recordName), { force: true })
    await removeEmpty(path, folder)
  } else {
    const parts = record.parts.filter(each => !isWithin(each, part))
    // A model that was pulled whole lacks the files, unless they were pulled beside it.
    const beside = record.parts.some(each => each !== '' && isWithin(part, each))
    const complete = record.complete && (beside || !parts.includes(''))
    await writeRecord(path, { ...record, files, parts, complete })
  }
  return { path: part ? join(path, part) : path, files: gone.length, bytes }
}

/** Removes a folder and those above it, up to a root that stays, as long as they are empty. */
async function removeEmpty(folder: string, root: string): Promise<void> {
  if (folder === root || !folder.startsWith(root)) return
  const empty = (await readdir(folder).catch(() => ['?'])).length === 0
  if (!empty) return
  await rmdir(folder)
  await removeEmpty(dirname(folder), root)
}

async function describe(
  path: string,
  { id, revision, commit, complete, files, parts }: PullRecord,
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
    whole: parts.includes(''),
    files: files.map(file => file.path),
  }
}
