import { CheckpointError } from '../errors.ts'
import { type ComponentConfigs, configPlace } from './read-config.ts'

/**
 * A component's field, what it is, and what another component needs it to be, in a number and in words; then what to do where
 * that is not to put the components of one model together.
 */
export type ComponentFit = readonly [
  component: string,
  field: string,
  got: number | null | undefined,
  expected: number,
  of: string,
  advice?: string,
]

/** @throws CheckpointError for components of different models, naming the first field that does not fit */
export function checkFit(
  checkpoint: Pick<ComponentConfigs, 'folder' | 'files'>,
  fits: readonly ComponentFit[],
): void {
  for (const [component, field, got, expected, of, advice] of fits) {
    if (got === expected) continue
    throw new CheckpointError('checkpoint/config', {
      subject: `${configPlace(checkpoint, component)} ${field}`,
      expected: `${expected}, ${of}`,
      got: String(got ?? 'none'),
      advice: advice ?? 'The components are of different models: put the ones of one model together.',
    })
  }
}
