import type { FieldView } from '../../server/framewright/contract.ts'
import { capabilities, fieldNamed, takesField } from '../models/capabilities.ts'
import { mostCompared } from '../tasks/chosen.ts'
import { type Draft, draft, draftModel, startVideo, type Variation } from './draft.ts'

interface VariedSchema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly anyOf?: readonly VariedSchema[]
}

/** Settings that have to go with others, and the seed, which has a count of its own. */
const notVaried = ['width', 'height', 'frames', 'seconds', 'seed', 'fps', 'fit', 'window', 'overlap']

/** Settings of the model that a grid can be made over: numbers and choices. */
export function variedFields(): readonly FieldView[] {
  return (capabilities.value?.fields ?? []).filter(
    field =>
      isScalar(field.schema) &&
      !notVaried.includes(field.name) &&
      (field.name !== 'strength' || startVideo(draft.value) !== undefined) &&
      takesField(draftModel.value, field.name),
  )
}

function isScalar({ type, enum: choices, anyOf = [] }: VariedSchema): boolean {
  return choices !== undefined || type === 'number' || type === 'integer' || anyOf.some(isScalar)
}

/** The values of a variation: text for choices, else numbers; what is no number is left for the server to refuse. */
function valuesOf({ name, values }: Variation): readonly unknown[] {
  const { enum: choices } = (fieldNamed(name)?.schema ?? {}) as VariedSchema
  const words = values
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '')
  const all = words.map(word => (choices || Number.isNaN(Number(word)) ? word : Number(word)))
  return [...new Set(all)]
}

/** How many videos a press makes: every value with every seed, and no more than can be compared. */
export function videoCount({ count, variation }: Pick<Draft, 'count' | 'variation'>): number {
  return Math.min(mostCompared, count * Math.max(1, variation.name === '' ? 1 : valuesOf(variation).length))
}

/**
 * What the requests of a press have beside the draft's fields: for each seed, every value.
 * @param draw an own seed, for drafts that have none
 */
export function variantsOf(draft: Draft, draw: () => string): readonly Readonly<Record<string, unknown>>[] {
  const { count, variation, seed, seedLocked } = draft
  const values = variation.name === '' ? [] : valuesOf(variation)
  const locked = seedLocked && seed !== ''
  const seeds = Array.from({ length: count }, (_, index) =>
    locked ? String(BigInt(seed) + BigInt(index)) : draw(),
  )
  const all = seeds.flatMap(each =>
    values.length === 0 ? [{ seed: each }] : values.map(value => ({ seed: each, [variation.name]: value })),
  )
  return all.slice(0, mostCompared)
}
