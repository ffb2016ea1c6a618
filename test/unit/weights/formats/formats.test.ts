import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fitsPadded } from '../../../../src/graph/encoding.ts'
import { foldedValues } from '../../../../src/graph/folded-values.ts'
import { Graph } from '../../../../src/graph/graph.ts'
import { cast } from '../../../../src/graph/ops/cast.ts'
import { slice } from '../../../../src/graph/ops/layout.ts'
import { elementCount } from '../../../../src/tensor/dtype.ts'
import { tensor } from '../../../../src/tensor/tensor.ts'
import { readTensorFile } from '../../../../src/weights/formats/read-tensor-file.ts'
import type { TensorLocation } from '../../../../src/weights/tensor-location.ts'
import { fixture } from '../../../fixtures.ts'
import { runGraph } from '../../../graph-session.ts'

interface Expected {
  readonly shape: number[]
  /** Of the float32 bytes, with −0 as +0. */
  readonly sha256?: string
  /** Of rotated weights: elements this far apart. */
  readonly every?: number
  readonly values?: number[]
}

/** What gguf-py, diffusers and comfy-kitchen decode the two files to. */
const reference = JSON.parse(readFileSync(fixture('formats-modules/reference.json'), 'utf8')) as Record<
  string,
  Record<string, Expected>
>

const files = await Promise.all(
  Object.entries(reference).map(async ([name, expected]) => {
    const { tensors } = await readTensorFile(fixture(`formats-modules/${name}`))
    return { name, tensors, expected: Object.entries(expected) }
  }),
)

describe.each(files)('$name', ({ tensors, expected }) => {
  test.each(expected)('%s is decoded to the last bit', async (key, { shape, sha256, every, values }) => {
    const weight = tensors.get(key)!
    expect(fitsPadded(weight.shape, shape, weight.encoding ?? {})).toBe(true)
    const decoded = await decode({ ...weight, shape })
    if (sha256 !== undefined) expect(hashOf(decoded)).toBe(sha256)
    for (const [index, value] of (values ?? []).entries()) {
      expect(Math.abs(decoded[index * every!]! - value)).toBeLessThan(1e-5)
    }
  })

  test.each(expected.filter(([, { sha256 }]) => sha256 !== undefined))(
    '%s is decoded to the last bit in a graph for a GPU',
    async (key, { shape, sha256 }) => {
      expect(hashOf(await decode({ ...tensors.get(key)!, shape }, undefined, 'bf16'))).toBe(sha256)
    },
  )

  const tables = expected.filter(
    ([key]) => tensors.get(key)?.encoding && tensors.get(key)?.shape.length === 2,
  )
  test.each(tables)('rows of %s are those of the whole', async (key, { shape }) => {
    const weight = tensors.get(key)!
    const [rows, width] = shape as [number, number]
    const decoded = await decode({ ...weight, shape })
    const picked = await decode({ ...weight, shape }, [rows - 1, 0])
    expect([...picked]).toEqual([...decoded.slice((rows - 1) * width), ...decoded.slice(0, width)])
  })
})

const encoded = files.flatMap(({ tensors }) => [...tensors.values()].filter(({ encoding }) => encoding))

test.each(
  (['f32', 'bf16'] as const).flatMap(precision =>
    encoded.map(weight => [weight.key, precision, weight] as const),
  ),
)('%s is not decoded when a session is opened, in a graph of %s', (key, precision, weight) => {
  const graph = new Graph('decode', { precision })
  graph.output('y', weight.encoding!.decode(graph, key, graph.input('x', 'f32', ['n'])))
  const folded = [...foldedValues(graph)].map(name => elementCount(graph.values.get(name)!.shape.map(Number)))
  expect(Math.max(0, ...folded)).toBeLessThan(elementCount(weight.shape) / 4)
})

test('scales and markers are not among the tensors of a file', async () => {
  const { tensors } = files.find(({ name }) => name === 'layers.safetensors')!
  expect([...tensors.keys()].filter(key => !/\.(?:weight|bias)$/.test(key))).toEqual([])
})

/** The elements of a weight, or of rows of it, as a graph has them. */
async function decode(
  weight: TensorLocation,
  ids?: readonly number[],
  precision: 'f32' | 'bf16' = 'f32',
): Promise<Float32Array> {
  const graph = new Graph('decode', { precision })
  const x = graph.input('ids', 'i64', ['n'])
  const { encoding, key } = weight
  const value = encoding
    ? ids
      ? encoding.rows(graph, key, x)
      : encoding.decode(graph, key, x)
    : cast(graph.weight(key, weight), 'f32')
  const width = weight.shape.at(-1)!
  const cut = encoding?.padding
    ? slice(slice(value, -1, 0, width), 0, 0, ids?.length ?? weight.shape[0])
    : value
  graph.output('y', cut)
  const feed = BigInt64Array.from(ids ?? [0, 0, 0], BigInt)
  const { y } = await runGraph(graph, { ids: tensor('i64', [feed.length], feed) })
  expect(y!.shape).toEqual(ids ? [ids.length, weight.shape[1]] : weight.shape)
  expect(y!.data.length).toBe(elementCount(y!.shape))
  return y!.data as Float32Array
}

function hashOf(values: Float32Array): string {
  const positive = values.map(value => value + 0)
  return createHash('sha256').update(new Uint8Array(positive.buffer)).digest('hex')
}
