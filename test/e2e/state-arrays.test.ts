/** What is done to the state of a run, on the host and where a native session keeps it: the same, to the last bit. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DeviceArrays } from '../../src/engine/device-arrays.ts'
import { stateModel } from '../../src/engine/state-graphs.ts'
import type { RunOptions, Session } from '../../src/runtime/backend.ts'
import { NativeBackend } from '../../src/runtime/native-backend.ts'
import { loadNativeBinding } from '../../src/runtime/native-binding.ts'
import type { Term } from '../../src/tensor/arithmetic.ts'
import { createGenerator } from '../../src/tensor/random.ts'
import { hostArrays, type StateArrays } from '../../src/tensor/state-arrays.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { buildAddon, noAddon } from '../contract/native-addon.ts'

const shape = [1, 3, 4, 5]
const count = 60
const arrays = [1, 2, 3, 4, 5].map(seed => createGenerator(seed).randn(count))
const host = hostArrays(shape)

/** A backend of native sessions, each of a graph that is used. */
class Stage implements AsyncDisposable {
  readonly backend = new NativeBackend({ device: { type: 'cpu' }, threads: 1 })
  readonly #sessions = new Map<string, Promise<Session>>()

  open(): DeviceArrays {
    return new DeviceArrays(shape, {
      run: async (op, rank, feeds, options: RunOptions) => {
        const session = this.#sessions.get(op) ?? this.backend.open(stateModel(op, rank))
        this.#sessions.set(op, session)
        return await (await session).run(feeds, options)
      },
      drop: residents => this.backend.drop(residents),
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.backend[Symbol.asyncDispose]()
  }
}

const residents = () => loadNativeBinding().alive().tensors

describe.skipIf(noAddon)(`the state of a run on a device${noAddon ? ` (skipped: ${noAddon})` : ''}`, () => {
  let stage: Stage
  beforeAll(async () => {
    await buildAddon()
    stage = new Stage()
  })
  afterAll(() => stage?.[Symbol.asyncDispose]())

  /** What a computation gives on the host and on the device. */
  async function both<T>(compute: <V>(values: StateArrays<V>, operands: V[]) => Promise<T>): Promise<[T, T]> {
    const device = stage.open()
    const onDevice = await compute(
      device,
      arrays.map(array => device.upload(array)),
    )
    await device.keepOnly([])
    return [await compute(host, [...arrays]), onDevice]
  }

  test.each([1, 2, 3, 4, 5])('a combination of %i arrays is the one of the host', async terms => {
    const weights = [0.1, -2.7, 1 / 3, 1e-7, 12345.678]
    const [expected, got] = await both(async (values, operands) => {
      const weighted = operands
        .slice(0, terms)
        .map((array, i): Term<(typeof operands)[0]> => [weights[i]!, array])
      return await values.download(values.combination(weighted as [Term<(typeof operands)[0]>]))
    })
    expect(got).toEqual(expected)
  })

  test('small terms are not lost against large ones that cancel', async () => {
    const values = stage.open()
    const [large, small] = [1e8, 1].map(value => values.upload(new Float32Array(count).fill(value)))
    const sum = values.combination([
      [1, large!],
      [1, small!],
      [-1, large!],
    ])
    expect(await values.download(sum)).toEqual(new Float32Array(count).fill(1))
    await values.keepOnly([])
  })

  test('a mix is the one of the host, and exact where one side has all', async () => {
    const share = Float32Array.from({ length: count }, (_, i) => (i % 3) / 2)
    const [expected, got] = await both(async (values, [first, second]) => {
      return await values.download(values.mix(first!, second!, values.upload(share)))
    })
    expect(got).toEqual(expected)
    expect(got[0]).toBe(arrays[0]![0])
    expect(got[1]).toBeCloseTo((arrays[0]![1]! + arrays[1]![1]!) / 2, 6)
    expect(got[2]).toBe(arrays[1]![2])
  })

  test('sums differ from those of the host by no more than their order', async () => {
    const [expected, got] = await both(async (values, [a, b]) => [
      await values.sum(a!),
      await values.innerProduct(a!, b!),
      await values.distance(a!, b!),
      await values.distance(a!),
      values.count(a!),
    ])
    for (const [i, value] of got.entries()) expect(value).toBeCloseTo(expected[i]!, 10)
  })

  test('a step is queued, not waited for, and later ones follow from it', async () => {
    const values = stage.open()
    const start = values.upload(arrays[0]!)
    const chain = [1, 2, 3].reduce(array => values.combination([[2, array]]), start)
    expect(await values.download(chain)).toEqual(arrays[0]!.map(value => value * 8))
    await values.keepOnly([])
  })

  test('what is not kept is freed, what is kept can be read', async () => {
    const before = residents()
    const values = stage.open()
    const [first, second] = [values.upload(arrays[0]!), values.upload(arrays[1]!)]
    const sum = values.combination([
      [1, first],
      [1, second],
    ])
    await values.keepOnly([sum])
    expect(residents() - before).toBe(1)
    expect((await values.download(sum))[0]).toBeCloseTo(arrays[0]![0]! + arrays[1]![0]!, 6)
    await expect(values.download(first)).rejects.toThrow('dropped')
    await values.keepOnly([])
    expect(residents()).toBe(before)
  })

  test('what is being read is freed afterwards', async () => {
    const values = stage.open()
    const array = values.combination([[3, values.upload(arrays[2]!)]])
    const reading = values.download(array)
    await values.keepOnly([])
    expect(await reading).toEqual(arrays[2]!.map(value => value * 3))
  })

  test('what the network gave is taken into memory of its own, and let go', async () => {
    const [network, values] = [stage.open(), stage.open()]
    const before = residents()
    const given = network.upload(arrays[3]!)
    const taken = values.adopt(await network.feed(given))
    await values.keepOnly([taken])
    expect(residents() - before).toBe(1)
    await expect(network.download(given)).rejects.toThrow('dropped')
    const brought = values.adopt(tensor('f32', shape, arrays[3]!))
    expect(await values.download(taken)).toEqual(await values.download(brought))
    await values.keepOnly([])
    expect(residents()).toBe(before)
  })

  test('a failure is told where the array is waited for', async () => {
    const values = stage.open()
    const array = values.upload(arrays[0]!)
    await values.keepOnly([])
    const late = values.combination([[1, array]])
    await expect(values.download(late)).rejects.toThrow('dropped')
    await expect(values.keepOnly([])).rejects.toThrow('dropped')
    await values.keepOnly([])
  })

  test('more terms than there are graphs for are refused', () => {
    const term = [1, stage.open().upload(arrays[0]!)] as const
    expect(() => stage.open().combination([term, term, term, term, term, term])).toThrow(
      'expected up to 5 terms, got 6.',
    )
  })
})
