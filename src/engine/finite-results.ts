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
    const wrong = dtype === 'f32' ? (data as Float32Array).find(value => !Number.isFinite(value)) : undefined
    if (wrong === undefined) continue
    await files.assertFinite(component)
    throw new BackendError('runtime/session', {
      subject: `${graph}: ${name}`,
      expected: 'finite numbers',
      got: String(wrong),
      advice: 'The weights are finite: the precision may be too small for them. Use --precision f32.',
    })
  }
}
