import { basename, join } from 'node:path'
import type { Json, JsonObject, Storage, TaskFailure, TaskRequest } from '../jobs/contract.ts'

/**
 * A failure without the paths of this machine: files of the request by their fields, the model and the adapters by their
 * names, and of any other path the last part.
 */
export function plainFailure(
  failure: TaskFailure,
  { model, generate }: TaskRequest,
  {
    storage,
    adapters,
  }: { readonly storage: Storage; readonly adapters: Readonly<Record<string, { path: string }>> },
): TaskFailure {
  const names: (readonly [path: string, name: string])[] = [
    ...inputsOf(generate).map(
      ([field, key]) => [join(storage.pathOf('inputs'), key.slice('inputs/'.length)), field] as const,
    ),
    ...Object.entries(adapters).map(([name, { path }]) => [path, `adapter ${name}`] as const),
  ]
  let { message } = failure
  for (const [path, name] of names) message = message.replaceAll(path, name)
  if (model.startsWith('/')) message = message.replaceAll(model, basename(model))
  message = message.replace(anyPath, (_, before: string, path: string) => before + basename(path))
  const field = inputsOf(generate).find(
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
