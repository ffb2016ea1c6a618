/** IQ4_NL and IQ4_XS of GGUF, element by element (`ggml-quants.c`, `dequantize_row_iq4_nl` and `dequantize_row_iq4_xs`). */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ggufHeader } from '../../../../bench/quantized-files.ts'
import { Graph } from '../../../../src/graph/graph.ts'
import { fromFloat16Bits } from '../../../../src/tensor/float16.ts'
import { tensor } from '../../../../src/tensor/tensor.ts'
import { readTensorFile } from '../../../../src/weights/formats/read-tensor-file.ts'
import { runGraph } from '../../../graph-session.ts'
import { scratchFolder } from '../../../scratch.ts'

const scratch = scratchFolder()
const codes = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
const f = Math.fround

const scaleOf = (block: Uint8Array) => fromFloat16Bits(block[0]! | (block[1]! << 8))

function iq4nl(block: Uint8Array): number[] {
  const d = scaleOf(block)
  return Array.from({ length: 32 }, (_, index) => {
    const byte = block[2 + (index % 16)]!
    return f(d * codes[index < 16 ? byte & 15 : byte >> 4]!)
  })
}

function iq4xs(block: Uint8Array): number[] {
  const high = block[2]! | (block[3]! << 8)
  return Array.from({ length: 256 }, (_, index) => {
    const part = index >> 5
    const low = (block[4 + (part >> 1)]! >> (4 * (part % 2))) & 15
    const scale = f(scaleOf(block) * ((low | (((high >> (2 * part)) & 3) << 4)) - 32))
    const byte = block[8 + 16 * part + (index % 16)]!
    return f(scale * codes[index % 32 < 16 ? byte & 15 : byte >> 4]!)
  })
}

test.each([
  ['IQ4_NL', 20, 18, 32, iq4nl],
  ['IQ4_XS', 23, 136, 256, iq4xs],
] as const)('%s is decoded to the last bit', async (name, type, bytes, elements, decode) => {
  const shape = [3, 512]
  const count = (3 * 512) / elements
  const data = Uint8Array.from({ length: count * bytes }, (_, at) => {
    const byte = (Math.imul(at + 7, 2654435761) >>> 13) & 0xff
    // The high byte of a scale: 1 to 2 at most, of either sign.
    return at % bytes === 1 ? (byte & 0x80) | 0x2c | (byte & 3) : byte
  })
  const file = join(scratch, `${name}.gguf`)
  const header = ggufHeader([{ key: 'a.weight', shape, type, bytes: data.length }])
  writeFileSync(file, Buffer.concat([header, data, new Uint8Array(32)]))
  const weight = (await readTensorFile(file)).tensors.get('a.weight')!
  expect(weight.encoding?.name).toBe(name)
  await weight.encoding!.verify!()
  const graph = new Graph('decode', { precision: 'f32' })
  const ids = graph.input('ids', 'i64', ['n'])
  graph.output('whole', weight.encoding!.decode(graph, weight.key, ids))
  graph.output('rows', weight.encoding!.rows(graph, weight.key, ids))
  const { whole, rows } = await runGraph(graph, { ids: tensor('i64', [1], BigInt64Array.of(2n)) })
  const expected = Array.from({ length: count }, (_, at) =>
    decode(data.subarray(at * bytes, (at + 1) * bytes)),
  )
  expect(whole!.data).toEqual(Float32Array.from(expected.flat()))
  expect(rows!.data).toEqual(Float32Array.from(expected.flat().slice(1024)))
})
