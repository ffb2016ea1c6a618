import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError, invalidRequest, type RequestError } from '../errors.ts'
import { matchesChecksum } from './checksum.ts'
import { checkFreeSpace } from './disk-space.ts'
import { downloadFile } from './download-file.ts'
import { hubEnvironment } from './environment.ts'
import type { PullEvent } from './events.ts'
import { partialSuffix } from './file-path.ts'
import { fileUrl, type HubClient, hubClient } from './hub-client.ts'
import { isWithin, parseHubPath } from './hub-path.ts'
import { defaultRevision, type ModelName, modelFolder } from './model-folder.ts'
import { pullError } from './pull-error.ts'
import { type PullRecord, type RecordedFile, readRecord, writeRecord } from './pull-record.ts'
import { type HubFile, type Repository, readRepository } from './repository.ts'
import { defaultRetry, HttpStatusError, type RetryPolicy, withRetries } from './retry.ts'
import { alternatives, componentsOf, modelIndexName, selectFiles, selectPart } from './select-files.ts'

export interface PullOptions {
  /** Branch, tag or commit; `main` when left out. */
  readonly revision?: string
  /** Address of the hub; `$HF_ENDPOINT` or huggingface.co when left out. */
  readonly endpoint?: string
  /** Access token; `$HF_TOKEN` when left out. */
  readonly token?: string
  /** Ends the pull; what was received stays on disk for the next one. */
  readonly signal?: AbortSignal
  /** Where models are kept; see `hubEnvironment` for what is taken when left out. */
  readonly folder?: string
  readonly retry?: RetryPolicy
}

/** Everything one pull works with. */
interface Pull {
  readonly repository: Repository
  /** In the repository; `''` for the whole model. */
  readonly part: string
  readonly client: HubClient
  /** The model's folder. */
  readonly path: string
  readonly retry: RetryPolicy
  readonly signal: AbortSignal | undefined
}

/**
 * Downloads a model from the hub, verified by size and checksum: of `owner/name` the configurations, tokenizer and
 * safetensors weights of a folder in the diffusers layout, of `owner/name/path` a file, or a folder of files. A pull that was interrupted goes on where it stopped, one that is complete only
 * asks the hub whether the revision has moved. Iterate to run it; stop iterating, or abort, to end it.
 * @throws RequestError for a name that cannot be one; HubError when the hub does not deliver; CheckpointError when
 *   the repository is not such a model; CancelledError after an abort
 */
export async function* pullModel(name: string, options: PullOptions = {}): AsyncGenerator<PullEvent> {
  const environment = hubEnvironment()
  const asked = parseHubPath(name)
  if (!asked.id.includes('/')) throw withoutOwner(name)
  const { revision = asked.revision ?? defaultRevision, signal, retry = defaultRetry } = options
  const { endpoint = environment.endpoint, token = environment.token } = options
  const model: ModelName = { id: asked.id, revision }
  const path = modelFolder(options.folder ?? environment.modelsFolder, model)
  const client = hubClient({ endpoint, token, signal })
  try {
    const repository = await withRetries(() => readRepository(model, client), retry, signal)
    yield* pullFiles({ repository, part: asked.part, client, path, retry, signal })
  } catch (error) {
    throw pullError(error, { ...model, endpoint, signal })
  }
}

function withoutOwner(name: string): RequestError {
  return invalidRequest(
    'model',
    'owner/name of a model on the hub',
    JSON.stringify(name),
    `Find it with: framewright models search ${name}`,
  )
}

async function* pullFiles(pull: Pull): AsyncGenerator<PullEvent> {
  const { repository, part, path } = pull
  const files = await filesToPull(pull)
  await mkdir(path, { recursive: true })
  await checkFreeSpace(path, files)
  const previous = await readRecord(path)
  const selected = withVerified(files, previous)
  const kept = previous?.files.filter(file => !isOf(file.path, part, previous.parts)) ?? []
  const { id, revision, commit } = repository
  const parts = [...new Set([...(previous?.parts ?? []), part])]
  // Until it is whole, what was there before stays as complete as it was.
  const alone = kept.length === 0
  const recordOf = (pulled: readonly RecordedFile[], complete: boolean): PullRecord => {
    return { id, revision, commit, complete, files: [...kept, ...pulled], parts }
  }
  const soFar = () => (alone ? selected : selected.filter(({ verified }) => verified))
  const wasComplete = !alone && previous?.complete === true
  await writeRecord(path, recordOf(soFar(), wasComplete))
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  yield { type: 'pull-start', id: repository.id, commit: repository.commit, path, files: files.length, bytes }
  for (const file of selected) {
    yield* pullFile(file, pull)
    file.verified = true
    await writeRecord(path, recordOf(soFar(), wasComplete))
  }
  await removeStale(path, recordOf(selected, true), previous)
  await writeRecord(path, recordOf(selected, true))
  yield { type: 'pull-end', path: part ? join(path, part) : path }
}

async function* pullFile(file: RecordedFile, pull: Pull): AsyncGenerator<PullEvent> {
  const { repository, client, path, retry, signal } = pull
  const target = join(path, file.path)
  const reused = await isThere(target, file, signal)
  if (!reused) {
    const url = fileUrl(client, repository.id, repository.commit, file.path)
    yield* downloadFile(file, { url, target, client, retry, signal })
  }
  yield { type: 'file-end', file: file.path, bytes: file.bytes, reused }
}

/** What of the repository a model needs, by its model_index.json. */
async function filesToPull({ repository, part, client, retry, signal }: Pull): Promise<HubFile[]> {
  const { id, commit, files } = repository
  const subject = `model ${id}`
  const paths = files.map(file => file.path)
  if (part !== '') {
    const chosen = new Set(selectPart(paths, part, subject))
    return files.filter(({ path }) => chosen.has(path))
  }
  if (!files.some(({ path }) => path === modelIndexName)) {
    throw new CheckpointError('checkpoint/not-found', {
      subject,
      expected: `a repository in the diffusers layout, with a ${modelIndexName}`,
      got: `${files.length} files without one`,
      advice: alternatives(paths)
        ? `Pull a file of it, with its path after the name, or look for a second repository whose name ends in -Diffusers. ${alternatives(paths)}`
        : 'Many models have a second repository whose name ends in -Diffusers.',
    })
  }
  const url = fileUrl(client, id, commit, modelIndexName)
  const components = componentsOf(await withRetries(() => fetchText(url, client), retry, signal), subject)
  const selected = new Set(selectFiles(paths, components, subject))
  return files.filter(({ path }) => selected.has(path))
}

async function fetchText(url: string, client: HubClient): Promise<string> {
  const response = await client.fetch(url)
  if (!response.ok) throw new HttpStatusError(url, response.status)
  return await response.text()
}

/** Files to be pulled; those that an earlier pull verified stay so where they have not changed. */
function withVerified(files: readonly HubFile[], previous: PullRecord | undefined): RecordedFile[] {
  const known = new Map(previous?.files.map(file => [file.path, file]))
  return files.map(file => {
    const earlier = known.get(file.path)
    return { ...file, verified: earlier?.verified === true && earlier.checksum.hex === file.checksum.hex }
  })
}

/** Whether a file was pulled as one of a part, and of no other. */
function isOf(path: string, part: string, parts: readonly string[]): boolean {
  const others = parts.filter(each => each !== '' && each !== part)
  const named = others.some(each => isWithin(path, each))
  return part === '' ? !named : isWithin(path, part)
}

/** Whether a file is on disk, whole and as the hub has it. One that was verified before is not read again. */
async function isThere(
  target: string,
  file: RecordedFile,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const found = await stat(target).catch(() => undefined)
  if (!found?.isFile() || found.size !== file.bytes) return false
  return file.verified || (await matchesChecksum(target, file, signal))
}

/** Removes files of an earlier commit that the model no longer has, so that nothing old is mistaken for its own. */
async function removeStale(
  path: string,
  record: PullRecord,
  previous: PullRecord | undefined,
): Promise<void> {
  const current = new Set(record.files.map(file => file.path))
  const stale = previous?.files.filter(file => !current.has(file.path)) ?? []
  const names = stale.flatMap(file => [file.path, file.path + partialSuffix])
  for (const name of names) await rm(join(path, name), { force: true })
}
