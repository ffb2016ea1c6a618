import { memoize } from '../memoize.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Weights } from '../weights/checkpoint.ts'
import { assertUnchanged, type FileChange, type FileStamp } from '../weights/file-stamp.ts'
import { mappedFiles } from '../weights/mapped-files.ts'
import { assertFinite, firstNotFinite } from '../weights/not-finite.ts'
import type { TensorLocation } from '../weights/tensor-location.ts'

/** How long files are taken to be as they were seen, before a run: runs that follow each other ask about them once. */
const freshMs = 50

/**
 * The files of a model's components. Sessions map them, so what is in them has to stay: they are compared with what their
 * headers were read from before they are mapped, while graphs run, and before what the runs made is given out.
 */
export class ComponentFiles {
  readonly #weights: () => ReadonlyMap<string, Weights>
  readonly #adapterStamps: readonly FileStamp[]
  readonly #verified = memoize(async (component: string) => {
    for (const { encoding } of this.#tensorsOf(component)) await encoding?.verify?.()
  })
  /** When the files of a component were compared last. */
  readonly #seen = new Map<string, number>()
  /** Components that graphs have run of since. */
  readonly #ran = new Set<string>()
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
   * Before a run of an open session: reading pages beyond a new end ends the process. Files that were compared a moment ago
   * are not looked at again. Those that were replaced or removed are still mapped as they were.
   * @throws CheckpointError `checkpoint/changed` for a file that was written to
   */
  beforeRun(component: string): void {
    const seen = this.#seen.get(component) ?? Number.NEGATIVE_INFINITY
    if (performance.now() - seen > freshMs) this.#compare(component, ['rewritten'])
  }

  /** After a run, whatever it gave. */
  afterRun(component: string): void {
    this.#ran.add(component)
  }

  /**
   * Before what runs have made is given out or kept, or why one failed is told: a run of weights that were written to
   * meanwhile gave something else than the model does.
   * @throws as `beforeRun`
   */
  assertUnchangedInRuns(): void {
    for (const component of this.#ran) this.#compare(component, ['rewritten'])
  }

  /** As `assertFinite`, of what a graph made with the weights of a component. */
  async assertFiniteResults(
    tensors: Readonly<Record<string, Tensor>>,
    { name, component }: { readonly name: string; readonly component: string },
  ): Promise<void> {
    await assertFinite(tensors, name, () => {
      this.assertUnchangedInRuns()
      return this.#notFinite(component)
    })
  }

  #compare(component: string, changes?: readonly FileChange[]): void {
    assertUnchanged(this.#stampsOf(component), changes)
    this.#ran.delete(component)
    this.#seen.set(component, performance.now())
  }

  #tensorsOf(component: string): Iterable<TensorLocation> {
    return this.#weights().get(component)?.tensors.values() ?? []
  }

  #stampsOf(component: string): readonly FileStamp[] {
    return [...(this.#weights().get(component)?.stamps ?? []), ...this.#adapterStamps]
  }
}
