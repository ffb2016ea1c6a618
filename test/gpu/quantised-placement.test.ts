/** Where the CUDA provider puts the nodes that decode quantised weights. */
import path from 'node:path'
import { expect, test } from 'vitest'
import { Graph } from '../../src/graph/graph.ts'
import { matmulTransposed } from '../../src/graph/ops/matmul.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { readTensorFile } from '../../src/weights/formats/read-tensor-file.ts'
import { writeSafetensors } from '../../src/weights/write-safetensors.ts'
import { scratchFolder } from '../scratch.ts'
import { cudaMachine, openOnCuda } from './cuda-machine.ts'

const scratch = scratchFolder()
const machine = await cudaMachine()

test.skipIf(typeof machine === 'string')(
  'weights in 8 bits are decoded without a copy to the CPU',
  async () => {
    const file = path.join(scratch, 'fp8.safetensors')
    const weight = tensor('f8e4m3', [32, 64], new Uint8Array(32 * 64).fill(0x38))
    await writeSafetensors(
      file,
      new Map<string, Tensor>([
        ['a.weight', weight],
        ['a.weight_scale', tensor('f32', [], Float32Array.of(2))],
      ]),
    )
    const { encoding } = (await readTensorFile(file)).tensors.get('a.weight')!
    const graph = new Graph('fp8', { precision: 'bf16' })
    const x = graph.input('x', 'f32', ['tokens', 64])
    graph.output('y', matmulTransposed(x, encoding!.decode(graph, 'a.weight', x)))
    if (typeof machine === 'string') throw new Error(machine)
    const { messages } = await openOnCuda(machine, graph, { symbols: { tokens: 5 }, fallback: true })
    expect(messages).not.toMatch(/Memcpy(?:To|From)Host/)
  },
)
