/** How fast the device is at best: large matrix products, and large tensors read and written. */

import path from 'node:path'
import { Graph, type Value } from '../graph/graph.ts'
import type { ExternalTensor } from '../graph/node.ts'
import { cast } from '../graph/ops/cast.ts'
import { multiply } from '../graph/ops/elementwise.ts'
import { slice } from '../graph/ops/layout.ts'
import { matmulTransposed } from '../graph/ops/matmul.ts'
import { serialize } from '../graph/serialize.ts'
import type { Backend } from '../runtime/backend.ts'
import { bytesPerElement, type FloatDType } from '../tensor/dtype.ts'
import { tensor } from '../tensor/tensor.ts'
import { openWeights } from '../weights/checkpoint.ts'
import { safetensorsNames } from '../weights/dtype-names.ts'
import { synthesizeWeights } from '../weights/sparse.ts'
import type { Peaks } from './report.ts'

/** Sizes at which a device is near its limit: on a GPU more than its caches hold, on a CPU what takes no long time. */
const sizes = {
  cpu: { matrix: 1024, products: 4, rows: 4096, columns: 4096, passes: 4 },
  cuda: { matrix: 8192, products: 64, rows: 16384, columns: 16384, passes: 32 },
} as const

/** Runs of which the fastest counts: whatever else the machine does only makes it slower. */
const runs = 5

/** @param folder for the weights of the products */
export async function measurePeaks(backend: Backend, dtype: FloatDType, folder: string): Promise<Peaks> {
  const { matrix, products, rows, columns, passes } = sizes[backend.device.type]
  await synthesizeWeights({ w: [safetensorsNames[dtype], [matrix, matrix]] }, folder, { values: 'random' })
  const { tensors, bytes } = await openWeights(folder)
  const product = productGraph(dtype, matrix, products, tensors.get('w')!)
  const seconds = await fastestRun(backend, product, bytes, [matrix, matrix])
  const copy = copyGraph(dtype, rows, columns, passes)
  const copySeconds = await fastestRun(backend, copy, 0, [rows, columns])
  // The tensor is written once and then read and written in every pass.
  const moved = rows * columns * bytesPerElement(dtype) * (1 + 2 * passes)
  return {
    matmul: { tflops: (2 * matrix ** 3 * products) / seconds / 1e12, dtype, size: matrix },
    copy: { gigabytesPerSecond: moved / copySeconds / 1e9, bytes: moved },
  }
}

/** x · wᵀ · wᵀ · …, of which one row is given back. */
export function productGraph(
  dtype: FloatDType,
  size: number,
  products: number,
  stored: ExternalTensor,
): Graph {
  const graph = new Graph('matmul peak', { precision: dtype })
  const weight = graph.weight('w', stored)
  let x = outerProduct(graph, size, size)
  for (let index = 0; index < products; index++) x = matmulTransposed(x, weight)
  graph.output('row', cast(slice(x, 0, 0, 1), 'f32'))
  return graph
}

/** x times one number after the other, none of which leaves it as it is. */
export function copyGraph(dtype: FloatDType, rows: number, columns: number, passes: number): Graph {
  const graph = new Graph('copy peak', { precision: dtype })
  let x = outerProduct(graph, rows, columns)
  for (let index = 0; index < passes; index++) x = multiply(x, index % 2 === 0 ? 1.25 : 0.875)
  graph.output('row', cast(slice(x, 0, 0, 1), 'f32'))
  return graph
}

/** A large tensor of two small inputs, so that next to nothing has to be brought to the device. */
function outerProduct(graph: Graph, rows: number, columns: number): Value {
  const down = cast(graph.input('down', 'f32', [rows, 1]), graph.precision)
  const across = cast(graph.input('across', 'f32', [1, columns]), graph.precision)
  return multiply(down, across) // [rows, columns]
}

async function fastestRun(
  backend: Backend,
  graph: Graph,
  weightBytes: number,
  [rows, columns]: readonly [number, number],
): Promise<number> {
  const bytes = serialize(graph, { locate: file => path.relative('/', file) })
  const session = await backend.open({ name: graph.name, bytes, weightsFolder: '/', weightBytes })
  const numbers = (count: number) => Float32Array.from({ length: count }, (_, index) => Math.cos(index))
  const feeds = {
    down: tensor('f32', [rows, 1], numbers(rows)),
    across: tensor('f32', [1, columns], numbers(columns)),
  }
  let fastest = Number.POSITIVE_INFINITY
  for (let run = 0; run <= runs; run++) {
    const started = performance.now()
    await session.run(feeds)
    // The first one allocates.
    if (run > 0) fastest = Math.min(fastest, (performance.now() - started) / 1000)
  }
  await session.release()
  return fastest
}
