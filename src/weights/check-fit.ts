import path from 'node:path'
import { CheckpointError } from '../errors.ts'

/** A component's field, what it is, and what another component needs it to be, in a number and in words. */
export type ComponentFit = readonly [
  component: string,
  field: string,
  got: number,
  expected: number,
  of: string,
]

/** @throws CheckpointError for components of different models, naming the first field that does not fit */
export function checkFit(folder: string, fits: readonly ComponentFit[]): void {
  for (const [component, field, got, expected, of] of fits) {
    if (got === expected) continue
    throw new CheckpointError('checkpoint/config', {
      subject: `${path.join(folder, component, 'config.json')} ${field}`,
      expected: `${expected}, ${of}`,
      got: String(got),
      advice: 'The components are of different models: put the ones of one model together.',
    })
  }
}
