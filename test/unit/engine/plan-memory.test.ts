import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { writeSynthetic } from '../../../src/benchmark/synthetic.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { choosePlan } from '../../../src/engine/device-memory.ts'
import { graphSource } from '../../../src/engine/graph-source.ts'
import { memoryEstimator } from '../../../src/engine/memory-estimate.ts'
import { parseSize } from '../../../src/geometry/parse-size.ts'
import { memoize } from '../../../src/memoize.ts'
import { planRequest } from '../../../src/pipeline/request.ts'
import { type Device, parseDeviceName } from '../../../src/runtime/device.ts'
import type { FloatDType } from '../../../src/tensor/dtype.ts'
import { scratchFolder } from '../../scratch.ts'

const scratch = scratchFolder()

interface Published {
  readonly name: string
  readonly stored?: FloatDType
}

/** A published checkpoint of zeros, in files that take no space. */
const opened = memoize(
  async ({ name, stored }: Published) => {
    const folder = path.join(scratch, `${name}-${stored}`)
    await writeSynthetic({ name, folder, isMeasured: () => false, ...(stored && { stored }) }, families)
    return await openCheckpoint(folder, families)
  },
  model => JSON.stringify(model),
)

/** The checkpoint with its graphs for a device, which are built once. */
const graphsOn = memoize(
  async ({ model, device }: { readonly model: Published; readonly device: Device }) => {
    const checkpoint = await opened(model)
    return { checkpoint, source: graphSource(checkpoint, { device, requested: undefined }) }
  },
  each => JSON.stringify(each),
)

async function planOf(model: Published, deviceName: string, memory: number, size: string, castsOnce = false) {
  const device = parseDeviceName(deviceName)
  const { checkpoint, source } = await graphsOn({ model, device })
  const request = { prompt: 'a cat', ...parseSize(size), frames: 81 }
  const plan = planRequest(request, checkpoint.model.facts, {
    fields: checkpoint.fields,
    randomSeed: () => 0n,
  })
  const estimate = memoryEstimator(checkpoint, device, source, { castsOnce })
  const choice = await choosePlan(estimate(plan), memory)
  if ('smallest' in choice) throw new Error(`nothing fits: ${choice.smallest.bytes} bytes`)
  return choice.estimate
}

/** What kernels count in 32 bits, with room for their padding. */
const limit = 1.9 * 2 ** 30

describe('the plan for a GPU of 80 GB', () => {
  test.each(['bf16', 'f32'] as const)(
    'decodes whole pictures of a 14B model whose weights are stored in %s',
    async stored => {
      const { plan, bytes } = await planOf({ name: 'wan-t2v-14b', stored }, 'cuda', 80e9, '832x480')
      expect(plan.tile).toBeUndefined()
      expect(bytes).toBeLessThan(80e9)
    },
  )
})

test('weights in f32 take the room of 16 bits where they are cast once', async () => {
  const [half, wide] = (['bf16', 'f32'] as const).map(stored => ({ name: 'wan-t2v-14b', stored })) as [
    Published,
    Published,
  ]
  const denoising = async (model: Published, castsOnce: boolean) =>
    (await planOf(model, 'cuda', 1e13, '832x480', castsOnce)).denoising
  const inHalf = await denoising(half, true)
  // 2.1 GB of the prompt encoder's table, of which only rows are cast, and 0.3 GB of layers that compute in f32.
  const inWide = await denoising(wide, true)
  expect(inWide - inHalf).toBeGreaterThan(2.4e9)
  expect(inWide - inHalf).toBeLessThan(2.6e9)
  expect((await denoising(wide, false)) - inHalf).toBeGreaterThan(28e9)
})

describe.each(['cpu', 'cuda'])('the largest tensor on %s', device => {
  test('is not past what kernels count: fewer frames are decoded at a time', async () => {
    const model = { name: 'wan-t2v-1.3b' }
    const small = await planOf(model, device, 1e13, '832x480')
    expect(small.plan).toMatchObject({ chunk: 4, tile: undefined })
    const large = await planOf(model, device, 1e13, '1280x720')
    expect(large.plan.tile).toBeUndefined()
    expect(large.plan.chunk).toBeLessThan(4)
    expect(large.elements).toBeLessThanOrEqual(limit)
  })
})
