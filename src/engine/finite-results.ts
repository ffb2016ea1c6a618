import { BackendError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { ComponentFiles } from './component-files.ts'

/** The graph that made tensors, and the files that its weights are in. */
export interface MadeBy {
  readonly graph: string
  readonly component: string
  readonly files: ComponentFiles
}

/**
 * Refuses results that are infinite or no number. Pictures of one value alone are suspicious: a decoder rounds what is no
 * number to black. Its weights are read then, and nothing is said where they are finite.
 * @throws CheckpointError `checkpoint/tensors` that names the first tensor of the weights that is not finite
 * @throws BackendError `runtime/session` where the weights are finite
 */
export async function assertFiniteResults(
  tensors: Readonly<Record<string, Tensor>>,
  { graph, component, files }: MadeBy,
): Promise<void> {
  for (const [name, { dtype, data }] of Object.entries(tensors)) {
    if (dtype === 'u8') {
      const [first] = data as Uint8Array
      if ((data as Uint8Array).every(value => value === first)) await files.assertFinite(component)
      continue
    }
    if (dtype !== 'f32' || areFinite(data as Float32Array)) continue
    const wrong = (data as Float32Array).find(value => !Number.isFinite(value))
    await files.assertFinite(component)
    throw new BackendError('runtime/session', {
      subject: `${graph}: ${name}`,
      expected: 'finite numbers',
      got: String(wrong),
      advice: 'The weights are finite: the precision may be too small for them. Use --precision f32.',
    })
  }
}

/** 0 times a value that is not finite is no number. A sum takes a tenth of the time of a predicate for each value. */
function areFinite(values: Float32Array): boolean {
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += 0 * values[index]!
  return sum === 0
}
