import { HttpError } from './http-error.ts'

interface Nested {
  [name: string]: Nested | (Nested | string)[] | string
}

const mostLevels = 5

/**
 * The fields of a form as an object: `a[b]` is a field of an object, `a[]` an entry of a list, and `a[][b]` a field of an
 * object in one, of the next when the last has it.
 * @throws HttpError 400 for a name that cannot be
 */
export function formFields(fields: readonly (readonly [string, string])[]): Record<string, unknown> {
  const result: Nested = Object.create(null)
  for (const [name, value] of fields) put(result, pathOf(name), value, name)
  return result
}

function pathOf(name: string): string[] {
  const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name)
  const path = match && [match[1]!, ...[...match[2]!.matchAll(/\[([^[\]]*)\]/g)].map(([, each]) => each!)]
  if (path && path.length <= mostLevels) return path
  throw wrongName(name)
}

function put(target: Nested, path: readonly string[], value: string, name: string): void {
  const [key = '', next, ...deeper] = path
  const there = target[key]
  if (next === undefined) {
    if (typeof there === 'object') throw wrongName(name)
    target[key] = value
  } else if (next === '') {
    if ((there !== undefined && !Array.isArray(there)) || deeper[0] === '') throw wrongName(name)
    const list = there ?? []
    target[key] = list
    if (deeper.length === 0) list.push(value)
    else put(entryFor(list, deeper), deeper, value, name)
  } else {
    if (typeof there === 'string' || Array.isArray(there)) throw wrongName(name)
    const inner = there ?? (Object.create(null) as Nested)
    target[key] = inner
    put(inner, [next, ...deeper], value, name)
  }
}

/** The last object of a list, or the next one. */
function entryFor(list: (Nested | string)[], [key = '', ...deeper]: readonly string[]): Nested {
  const last = list.at(-1)
  if (typeof last === 'object' && (deeper.length > 0 || last[key] === undefined)) return last
  const next = Object.create(null) as Nested
  list.push(next)
  return next
}

function wrongName(name: string): HttpError {
  const message = `The form has a field of the name ${JSON.stringify(name.slice(0, 100))}, which cannot be.`
  return new HttpError(400, message, { code: 'invalid_form', param: name.slice(0, 100) })
}
