import type { Notice } from '../notices.ts'
import { closeTo } from '../weights/closest-keys.ts'
import { apiName } from './generation-fields.ts'
import { fieldName } from './http/http-error.ts'

/** Fields that are told one by one: a body may have any number. */
const mostTold = 8
const longestName = 64

/**
 * What is said of fields that an endpoint does not have: clients may send them, and a name that is written wrongly would
 * change nothing unseen.
 * @param given the body
 * @param taken what its schema made of it: what is not there was left out
 * @param known names of the endpoint's fields
 */
export function unknownFields(given: unknown, taken: unknown, known: readonly string[]): readonly Notice[] {
  const unknown = [...leftOut(given, taken, [])]
  const told = unknown.slice(0, mostTold).map(path => {
    const name = fieldName(path).slice(0, longestName)
    const meant = path.length === 1 ? meantBy(name, known) : undefined
    const advice = meant ? ` Did you mean ${meant}?` : ''
    // In quotes: fields of the engine that begin a message are put into the client's names.
    return `${JSON.stringify(name)}: no field of this endpoint; it has no effect.${advice}`
  })
  const more = unknown.length - told.length
  if (more > 0) told.push(`request: ${more} more fields are none of this endpoint and have no effect.`)
  return told.map(message => ({ code: 'request/unused', message }))
}

/** A field by its name in the engine or in the other API, or misspelt. */
function meantBy(name: string, known: readonly string[]): string | undefined {
  const named = [apiName(name, 'camel'), apiName(name, 'underscores')]
  return named.find(each => known.includes(each)) ?? closeTo(name, known)[0]
}

/** What only one of two values has, at any depth. What has become something else, such as a text a list, is not looked into. */
function* leftOut(
  given: unknown,
  taken: unknown,
  path: readonly PropertyKey[],
): Generator<readonly PropertyKey[]> {
  if (Array.isArray(given) && Array.isArray(taken)) {
    for (const [index, each] of given.entries()) yield* leftOut(each, taken[index], [...path, index])
  } else if (isFields(given) && isFields(taken)) {
    for (const [name, each] of Object.entries(given)) {
      const inner = [...path, name]
      if (Object.hasOwn(taken, name)) yield* leftOut(each, taken[name], inner)
      else if (each !== undefined) yield inner
    }
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
