import path from 'node:path'
import { modelsFolder } from '../hub/environment.ts'
import { cachedRepository } from '../hub/hugging-face-cache.ts'
import { defaultRevision, type ModelName } from '../hub/model-folder.ts'
import { readRecord } from '../hub/pull-record.ts'

/** What a person can do about a part of a model that is not there: the command that fetches it. */
export async function fetchAdvice(folder: string): Promise<string> {
  const name = await repositoryOf(folder)
  if (name) return `Fetch it with: ${pullCommand(name)}`
  return 'Fetch it with: framewright models pull <owner/name>, the repository that the folder is of.'
}

/** The command that downloads a model. */
export function pullCommand({ id, revision }: ModelName): string {
  const flag = revision === defaultRevision ? '' : ` --revision ${revision}`
  return `framewright models pull ${id}${flag}`
}

/** The repository that a folder was downloaded from, where the folder tells; undefined where it does not. */
async function repositoryOf(folder: string): Promise<ModelName | undefined> {
  const record = await readRecord(folder)
  if (record) return record
  const cached = cachedRepository(folder)
  if (cached !== undefined) return { id: cached, revision: defaultRevision }
  const [owner, name, ...rest] = path.relative(modelsFolder(), path.resolve(folder)).split(path.sep)
  if (!owner || owner === '..' || !name || rest.length > 0) return undefined
  const [base, revision = defaultRevision] = name.split('@') as [string, string?]
  return { id: `${owner}/${base}`, revision: decodeURIComponent(revision) }
}
