import { BackendError, CheckpointError } from '../errors.ts'
import { memoize } from '../memoize.ts'
import { areFinite } from '../tensor/arithmetic.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Weights } from '../weights/checkpoint.ts'
import { assertUnchanged, type FileChange, type FileStamp } from '../weights/file-stamp.ts'
import { mappedFiles } from '../weights/mapped-files.ts'
import { firstNotFinite } from '../weights/not-finite.ts'
import type { TensorLocation } from '../weights/tensor-location.ts'

/** How long files are taken to be as they were seen, before a run: reading them takes a run of a large model longer. */
const freshMs = 50

/**
 * The files of a model's components. Sessions map them, so what is in them has to stay: it is compared with what their
 * headers were read from before it is mapped, and with every run.
 */
export class ComponentFiles {
  readonly #weights: () => ReadonlyMap<string, Weights>
  readonly #adapterStamps: readonly FileStamp[]
  readonly #verified = memoize(async (component: string) => {
    for (const { encoding } of this.#tensorsOf(component)) await encoding?.verify?.()
  })
  /** When the files of a component were compared last. */
  readonly #seen = new Map<string, number>()
  readonly #notFinite = memoize((component: string) => firstNotFinite(this.#tensorsOf(component)))

  /** @param weights by component; may grow */
  constructor(weights: () => ReadonlyMap<string, Weights>, adapterStamps: readonly FileStamp[]) {
    this.#weights = weights
    this.#adapterStamps = adapterStamps
  }

  /**
   * Before a video: one is not made of two versions of a model.
   * @throws CheckpointError `checkpoint/changed` for a file that was written to or replaced
   */
  beforeRequest(): void {
    for (const component of this.#weights().keys()) this.#compare(component, ['replaced', 'rewritten'])
  }

  /**
   * Before sessions of a component are opened. Scales of blocks are read, once.
   * @throws CheckpointError `checkpoint/changed` for a file that is another one by now, `checkpoint/tensors` for scales
   *   that are no finite numbers
   */
  async beforeOpening(component: string): Promise<void> {
    this.#compare(component)
    await this.#verified(component)
    for (const stamp of this.#stampsOf(component)) mappedFiles.publish(stamp)
  }

  /**
   * Before a run of an open session: reading pages beyond a new end ends the process. Files that were compared a moment ago,
   * after the run before, are not looked at again. Those that were replaced or removed are still mapped as they were.
   * @throws CheckpointError `checkpoint/changed` for a file that was written to
   */
  beforeRun(component: string): void {
    if (performance.now() - (this.#seen.get(component) ?? -Infinity) > freshMs) this.afterRun(component)
  }

  /**
   * After a run: one of weights that were written to meanwhile gave something else than the model does, or failed for that.
   * @throws as `beforeRun`
   */
  afterRun(component: string): void {
    this.#compare(component, ['rewritten'])
  }

  /**
   * Refuses results that are infinite or no number, and says why they are: reads the weights, and names the first that is.
   * Pictures of one value alone are suspicious: a decoder rounds what is no number to black. Nothing is said of those where
   * the weights are finite.
   * @throws CheckpointError `checkpoint/tensors` that names the first tensor of the weights that is not finite
   * @throws BackendError `runtime/session` where the weights are finite
   */
  async assertFiniteResults(
    tensors: Readonly<Record<string, Tensor>>,
    { name: graph, component }: { readonly name: string; readonly component: string },
  ): Promise<void> {
    for (const [name, { dtype, data }] of Object.entries(tensors)) {
      if (dtype === 'u8' && data.every(value => value === data[0])) await this.#assertFinite(component)
      if (dtype !== 'f32' || areFinite(data as Float32Array)) continue
      await this.#assertFinite(component)
      throw new BackendError('runtime/session', {
        subject: `${graph}: ${name}`,
        expected: 'finite numbers',
        got: String((data as Float32Array).find(value => !Number.isFinite(value))),
        advice: 'The weights are finite: the precision may be too small for them. Use --precision f32.',
      })
    }
  }

  async #assertFinite(component: string): Promise<void> {
    const found = await this.#notFinite(component)
    if (!found) return
    const { file, key } = found.location
    throw new CheckpointError('checkpoint/tensors', {
      subject: `${file}: ${key}`,
      expected: 'finite numbers',
      got: `NaN or infinity as element ${found.index}`,
      advice: 'Download the file again, or use another one of the same model.',
    })
  }

  #compare(component: string, changes?: readonly FileChange[]): void {
    assertUnchanged(this.#stampsOf(component), changes)
    this.#seen.set(component, performance.now())
  }

  #tensorsOf(component: string): Iterable<TensorLocation> {
    return this.#weights().get(component)?.tensors.values() ?? []
  }

  #stampsOf(component: string): readonly FileStamp[] {
    return [...(this.#weights().get(component)?.stamps ?? []), ...this.#adapterStamps]
  }
}
