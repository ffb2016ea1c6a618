import { requestFields } from '../../api/request-fields.ts'
import type { TaskRecord } from '../../jobs/task.ts'
import { withPaths } from '../../pipeline/fields/stored-fields.ts'
import { invalidField } from '../http/http-error.ts'
import type { Owner } from '../http/owner.ts'
import type { Services } from '../services.ts'
import { findTask } from '../tasks/find-task.ts'
import { fileKinds } from './offered-fields.ts'

/** `task://<id>/video` is what a task has made, `task://<id>/<name>` a file that it was made from. */
const taskAddress = /^task:\/\/([0-9a-f-]{36})\/([a-z0-9-]{1,64})$/

const inputFolder = 'inputs/'

/** The address of a file of a task's request, for its owner's requests. */
export function inputAddress({ id }: Pick<TaskRecord, 'id'>, key: string): string {
  return `task://${id}/${key.slice(inputFolder.length)}`
}

/** Keys of the files that a task was made from. */
export function inputKeys({ request }: TaskRecord): readonly string[] {
  const keys: string[] = []
  withPaths(request.generate, requestFields, key => {
    keys.push(key)
    return key
  })
  return [...new Set(keys)]
}

/**
 * The request with keys of the storage for its addresses: each file is taken in, or copied.
 * @throws HttpError 400 with the field
 */
export async function takeFiles<Request extends object>(
  services: Services,
  owner: Owner,
  request: Request,
): Promise<Request> {
  const taken = new Map<string, string>()
  for (const [name, value] of Object.entries(request)) {
    const kind = fileKinds[name]
    if (kind === undefined) continue
    for (const { uri, path } of addressesOf(value, ['request', name])) {
      const own = taskAddress.exec(uri)
      taken.set(
        uri,
        own
          ? await copyOfTask(services, owner, own as unknown as [string, string, string], path)
          : await take(services, owner, uri, kind, path),
      )
    }
  }
  return withPaths(request, requestFields, uri => taken.get(uri) ?? uri)
}

async function take(
  { assets }: Services,
  owner: Owner,
  uri: string,
  kind: (typeof fileKinds)[string],
  path: readonly PropertyKey[],
): Promise<string> {
  const known = kind === 'either' ? await assets.kindOfAddress(uri, owner.id, path) : kind!
  return await assets.take(uri, known, owner.id, path)
}

async function copyOfTask(
  services: Services,
  owner: Owner,
  [, id, name]: readonly [string, string, string],
  path: readonly PropertyKey[],
): Promise<string> {
  const task = await findTask(services, owner, id).catch(() => undefined)
  const output = task?.result?.outputs.find(each => each.name === name)?.key
  const input = task && inputKeys(task).find(key => key === inputFolder + name)
  const key = output ?? input
  if (key && (await services.storage.stat(key))) return await services.assets.copyOf(key)
  throw invalidField(path, 'No such file of a task: it was deleted, or is not made yet.')
}

function addressesOf(
  value: unknown,
  path: readonly PropertyKey[],
): { readonly uri: string; readonly path: readonly PropertyKey[] }[] {
  if (typeof value === 'string') return [{ uri: value, path }]
  if (Array.isArray(value)) return value.flatMap((each, index) => addressesOf(each, [...path, index]))
  if (typeof value === 'object' && value !== null && 'path' in value)
    return addressesOf(value.path, [...path, 'path'])
  return []
}
