/** Where ONNX Runtime's CUDA provider puts the graphs that a GPU's limits are measured with. */
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { copyGraph, productGraph } from '../../src/benchmark/peaks.ts'
import { openWeights } from '../../src/weights/checkpoint.ts'
import { synthesizeWeights } from '../../src/weights/sparse.ts'
import { scratchFolder } from '../scratch.ts'
import { cudaMachine, openOnCuda } from './cuda-machine.ts'

const scratch = scratchFolder()
const machine = await cudaMachine()
const missing = typeof machine === 'string' ? ` (skipped: ${machine})` : ''

describe.skipIf(missing !== '')(`on the CUDA provider${missing}`, () => {
  test.each(['bf16', 'f16', 'f32'] as const)(
    'nothing of a peak in %s is on the CPU or copied',
    async dtype => {
      if (typeof machine === 'string') throw new Error(machine)
      const folder = path.join(scratch, dtype)
      await synthesizeWeights({ w: [dtype.toUpperCase(), [64, 64]] }, folder)
      const { tensors } = await openWeights(folder)
      const products = await openOnCuda(machine, productGraph(dtype, 64, 5, tensors.get('w')!), {
        symbols: {},
      })
      expect(products.failure).toBeUndefined()
      expect(products.messages).not.toMatch(/Memcpy/)
      expect(products.launches.filter(name => /gemm/i.test(name))).toHaveLength(5)
      const copies = await openOnCuda(machine, copyGraph(dtype, 32, 64, 4), { symbols: {} })
      expect(copies.failure).toBeUndefined()
      expect(copies.messages).not.toMatch(/Memcpy/)
      // The passes and the product that makes the tensor: none is made one with another, none is left out.
      expect(copies.launches.filter(name => /BinaryElementWise/i.test(name)).length).toBe(5)
    },
  )
})
