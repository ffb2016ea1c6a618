import type { Feed, ResidentTensor, RunOptions, RunResult } from '../pipeline/family.ts'
import { checkTerms, type Term } from '../tensor/arithmetic.ts'
import { elementCount } from '../tensor/dtype.ts'
import { isResident } from '../tensor/resident.ts'
import type { StateArrays } from '../tensor/state-arrays.ts'
import { float32Data, tensor } from '../tensor/tensor.ts'

/** An array on the device; it may still be waiting for what it is computed from. */
export class DeviceArray {
  readonly resident: Promise<ResidentTensor>

  constructor(resident: Promise<ResidentTensor>) {
    this.resident = resident
  }
}

/** Runs graphs of `stateOps` by name, and frees their results. */
export interface StateGraphRunner {
  run(
    op: string,
    rank: number,
    feeds: Readonly<Record<string, Feed>>,
    options: RunOptions,
  ): Promise<RunResult>
  drop(residents: Iterable<ResidentTensor>): Promise<void>
}

/** Arrays of a run's state in a device's memory. Work is queued there: only downloads are waited for. */
export class DeviceArrays implements StateArrays<DeviceArray> {
  readonly #shape: readonly number[]
  readonly #runner: StateGraphRunner
  readonly #arrays = new Set<DeviceArray>()
  readonly #pending = new Set<Promise<unknown>>()

  constructor(shape: readonly number[], runner: StateGraphRunner) {
    this.#shape = shape
    this.#runner = runner
  }

  upload(data: Float32Array): DeviceArray {
    return this.#computed('copy', [tensor('f32', this.#shape, data)])
  }

  async download(array: DeviceArray): Promise<Float32Array> {
    return float32Data((await this.#read('copy', [array])).tensors.result)
  }

  async feed(array: DeviceArray): Promise<Feed> {
    return await array.resident
  }

  /**
   * A copy: what the network gave is in the memory of its session, which is only given back whole, and the session may
   * have to make room for another one.
   */
  adopt(output: Feed): DeviceArray {
    if (!isResident(output)) return this.upload(float32Data(output))
    const copy = this.#computed('copy', [output])
    const drop = () => this.#runner.drop([output])
    this.#wait(copy.resident.then(drop, drop))
    return copy
  }

  combination(terms: readonly [Term<DeviceArray>, ...Term<DeviceArray>[]]): DeviceArray {
    checkTerms(terms)
    const weights = terms.map(([weight], index) => [`weight.${index}`, scalar(weight)] as const)
    const arrays = terms.map(([, values]) => values)
    return this.#computed(`combine-${terms.length}`, arrays, Object.fromEntries(weights))
  }

  mix(a: DeviceArray, b: DeviceArray, share: DeviceArray): DeviceArray {
    return this.#computed('mix', [a, b, share])
  }

  count(): number {
    return elementCount(this.#shape)
  }

  async innerProduct(a: DeviceArray, b: DeviceArray): Promise<number> {
    return await this.#number('inner-product', [a, b])
  }

  async sum(values: DeviceArray): Promise<number> {
    return await this.#number('sum', [values])
  }

  async distance(a: DeviceArray, b?: DeviceArray): Promise<number> {
    return b ? await this.#number('distance', [a, b]) : await this.#number('size', [a])
  }

  async keepOnly(values: Iterable<DeviceArray>): Promise<void> {
    const kept = new Set(values)
    const before = [...this.#arrays]
    const residents = await Promise.allSettled(before.map(({ resident }) => resident))
    await Promise.allSettled(this.#pending)
    const freed = before.flatMap((array, index) => {
      if (kept.has(array)) return []
      this.#arrays.delete(array)
      const settled = residents[index]!
      return settled.status === 'fulfilled' ? settled.value : []
    })
    if (freed.length > 0) await this.#runner.drop(freed)
    const failed = residents.find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  }

  #computed(
    op: string,
    operands: readonly (DeviceArray | Feed)[],
    weights: Readonly<Record<string, Feed>> = {},
  ): DeviceArray {
    const run = async () => {
      const feeds = { ...(await feedsOf(operands)), ...weights }
      const { residents } = await this.#runner.run(op, this.#shape.length, feeds, { keep: () => true })
      return residents.result!
    }
    const resident = run()
    resident.catch(() => {}) // reported where the array, or one that follows from it, is waited for
    const array = new DeviceArray(resident)
    this.#arrays.add(array)
    return array
  }

  async #number(op: string, operands: readonly DeviceArray[]): Promise<number> {
    const { tensors } = await this.#read(op, operands)
    return Number(tensors.result!.data[0])
  }

  async #read(op: string, operands: readonly DeviceArray[]): Promise<RunResult> {
    const run = async () => await this.#runner.run(op, this.#shape.length, await feedsOf(operands), {})
    return await this.#wait(run())
  }

  /** Nothing is freed until this has ended. */
  #wait<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work)
    const ended = () => this.#pending.delete(work)
    work.then(ended, ended)
    return work
  }
}

async function feedsOf(operands: readonly (DeviceArray | Feed)[]): Promise<Record<string, Feed>> {
  const feeds = operands.map(async (operand, index) => {
    return [`${index}`, 'resident' in operand ? await operand.resident : operand] as const
  })
  return Object.fromEntries(await Promise.all(feeds))
}

function scalar(value: number): Feed {
  return tensor('f64', [1], Float64Array.of(value))
}
