import { basename, join } from 'node:path'
import type { Storage } from '../jobs/storage.ts'
import type { Json, JsonObject, TaskFailure, TaskRequest } from '../jobs/task.ts'

/** What is left out of messages. */
export interface OwnPaths {
  readonly storage: Pick<Storage, 'pathOf'>
  readonly adapters: Readonly<Record<string, { path: string }>>
}

/**
 * A message without the paths of this machine: files of the request by their fields, the model and the adapters by their
 * names, and of any other path the last part.
 */
export function plainMessage(
  message: string,
  { model, generate }: TaskRequest,
  { storage, adapters }: OwnPaths,
): string {
  const names: (readonly [path: string, name: string])[] = [
    ...inputsOf(generate).map(
      ([field, key]) => [join(storage.pathOf('inputs'), key.slice('inputs/'.length)), field] as const,
    ),
    ...Object.entries(adapters).map(([name, { path }]) => [path, `adapter ${name}`] as const),
  ]
  let plain = message
  for (const [path, name] of names) plain = plain.replaceAll(path, name)
  if (model.startsWith('/')) plain = plain.replaceAll(model, basename(model))
  return plain.replace(anyPath, (_, before: string, path: string) => before + basename(path))
}

/** A failure without the paths of this machine, and with the field that it names. */
export function plainFailure(failure: TaskFailure, request: TaskRequest, own: OwnPaths): TaskFailure {
  const message = plainMessage(failure.message, request, own)
  const field = inputsOf(request.generate).find(
    ([name]) => message.startsWith(`${name}:`) || message.startsWith(`${name} `),
  )
  return { ...failure, message, ...(field && { field: field[0] }) }
}

/** An absolute path, of at least two parts, that is no part of an address. */
const anyPath = /(^|[\s"'([=,:])((?:[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}[/\\]?)/g

/** Keys of the request's files, with the fields that name them. */
function inputsOf(generate: JsonObject): readonly (readonly [field: string, key: string])[] {
  const found: [string, string][] = []
  const look = (value: Json | undefined, field: string) => {
    if (typeof value === 'string') {
      if (value.startsWith('inputs/') && /^[a-z0-9/._-]+$/.test(value)) found.push([field, value])
    } else if (Array.isArray(value)) {
      for (const [index, each] of value.entries()) look(each, `${field}[${index}]`)
    } else if (typeof value === 'object' && value !== null)
      for (const each of Object.values(value)) look(each, field)
  }
  for (const [field, value] of Object.entries(generate)) look(value, field)
  return found
}
