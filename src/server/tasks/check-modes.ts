import { modeNames } from '../../pipeline/model-facts.ts'
import { invalidField } from '../http/http-error.ts'
import type { ServedModel } from '../models/served-model.ts'

type Mode = ServedModel['modes'][number]

/**
 * Checks that a checkpoint can be directed in a way that the request's field needs, before anything is fetched.
 * @param any of these will do
 * @throws HttpError 400 that says what it can do
 */
export function checkMode(model: ServedModel, field: readonly PropertyKey[], any: readonly Mode[]): void {
  if (any.some(mode => model.modes.includes(mode))) return
  const can = model.modes.map(mode => modeNames[mode].replace(/ \(.*\)$/, '')).join(', ')
  throw invalidField(field, `The checkpoint behind this model cannot take it. It can do: ${can}.`)
}
