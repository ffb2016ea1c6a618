import { readFileSync } from 'node:fs'
import type { TensorList } from '../src/weights/sparse.ts'
import { fixture } from './fixtures.ts'

/** What a list has of a component of a published checkpoint. */
export interface PublishedComponent {
  /** The class in diffusers or transformers. */
  readonly class: string
  readonly config: Readonly<Record<string, unknown>>
  readonly tensors: TensorList
}

/**
 * The components of a published checkpoint, from the list `published/<name>.json`. In a key of the committed lists
 * `{0..29}` stands for each of these numbers.
 */
export function publishedComponents(name: string): Record<string, PublishedComponent> {
  const file = readFileSync(fixture(`published/${name}.json`), 'utf8')
  const components = JSON.parse(file) as Record<string, PublishedComponent>
  return Object.fromEntries(
    Object.entries(components).map(([component, about]) => {
      return [
        component,
        { ...about, tensors: Object.fromEntries(Object.entries(about.tensors).flatMap(expanded)) },
      ]
    }),
  )
}

function expanded([key, about]: [string, TensorList[string]]): [string, TensorList[string]][] {
  const [range, first, last] = /\{(\d+)\.\.(\d+)\}/.exec(key) ?? []
  if (range === undefined) return [[key, about]]
  const numbers = Array.from(
    { length: Number(last) - Number(first) + 1 },
    (_, index) => Number(first) + index,
  )
  return numbers.flatMap(number => expanded([key.replace(range, String(number)), about]))
}
