import { RequestError } from '../errors.ts'

/** Fields of a request that mean something to some checkpoints and nothing to others. */
export type ModelField = 'imageNoiseScale' | 'decodeTimestep' | 'decodeNoiseScale' | 'decodeSeed'

const modelFields: readonly ModelField[] = [
  'imageNoiseScale',
  'decodeTimestep',
  'decodeNoiseScale',
  'decodeSeed',
]

type Fields = Partial<
  Record<ModelField | 'strength' | 'video' | 'controlScale' | 'mask' | 'references', unknown>
>

/**
 * Checks that every field that is given changes something.
 * @throws RequestError `request/unsupported` for one that the model does not take, `request/invalid` for one without
 * the field that it goes with
 */
export function checkFields(fields: Fields, takes: readonly ModelField[]): void {
  const unknown = modelFields.find(name => fields[name] !== undefined && !takes.includes(name))
  if (unknown !== undefined) {
    throw new RequestError('request/unsupported', {
      subject: unknown,
      expected: 'a checkpoint that takes it',
      got: takes.length === 0 ? 'one that does not' : `one that takes ${takes.join(', ')}`,
      advice: 'Leave it out.',
    })
  }
  const { strength, video, mask, references, controlScale } = fields
  if (strength !== undefined && video === undefined) throw alone('strength', 'video')
  const controlled = [mask, references, strength === undefined ? video : undefined]
  if (controlScale !== undefined && controlled.every(field => field === undefined)) {
    throw alone('controlScale', 'a control video, a mask or references')
  }
}

function alone(subject: string, needed: string): RequestError {
  return new RequestError('request/invalid', { subject, expected: `${needed} beside it`, got: 'none' })
}
