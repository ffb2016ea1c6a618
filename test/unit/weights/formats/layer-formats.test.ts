/** Formats of quantised layers, against what their definitions say, computed here element by element. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { foldedValues } from '../../../../src/graph/folded-values.ts'
import { Graph } from '../../../../src/graph/graph.ts'
import { elementCount } from '../../../../src/tensor/dtype.ts'
import { toBfloat16Bits } from '../../../../src/tensor/float16.ts'
import { type HostArray, type Tensor, tensor } from '../../../../src/tensor/tensor.ts'
import { readTensorFile } from '../../../../src/weights/formats/read-tensor-file.ts'
import { withShape } from '../../../../src/weights/rename-tensors.ts'
import type { TensorLocation } from '../../../../src/weights/tensor-location.ts'
import { toFloat32 } from '../../../../src/weights/to-float32.ts'
import { writeSafetensors } from '../../../../src/weights/write-safetensors.ts'
import { runGraph } from '../../../graph-session.ts'
import { failure, scratchFolder } from '../../../scratch.ts'
import { headerOf, safetensorsBytes } from '../safetensors-bytes.ts'

const scratch = scratchFolder()
let files = 0

/** Numbers without a pattern: 0 to 255, none a NaN of either 8-bit float. */
const bytes = (count: number, seed = 1) =>
  Uint8Array.from({ length: count }, (_, index) => {
    const byte = (Math.imul(index + seed, 2654435761) >>> 13) & 0xff
    return (byte & 0x7c) === 0x7c ? byte & 0xbb : byte
  })
const floats = (count: number, seed = 1) =>
  Float32Array.from({ length: count }, (_, index) => ((Math.imul(index + seed, 40503) & 0xff) + 1) / 4096)

const f32 = (shape: number[], seed?: number) => tensor('f32', shape, floats(elementCount(shape), seed))
const fp8 = (shape: number[]) => tensor('f8e4m3', shape, bytes(elementCount(shape)))
const packed = (dtype: 'i8' | 'u8', shape: number[]) => {
  const data = bytes(elementCount(shape))
  return tensor(dtype, shape, (dtype === 'i8' ? new Int8Array(data.buffer) : data) as never)
}
const marker = (value: unknown) => {
  const text = Uint8Array.from(Buffer.from(JSON.stringify(value)))
  return tensor('u8', [text.length], text)
}

async function layer(tensors: Record<string, Tensor>): Promise<TensorLocation> {
  const file = join(scratch, `${files++}.safetensors`)
  const named = Object.entries(tensors).map(([name, value]) => [`a.${name}`, value] as const)
  await writeSafetensors(file, new Map(named))
  const read = await readTensorFile(file)
  expect([...read.tensors.keys()]).toEqual(['a.weight'])
  return read.tensors.get('a.weight')!
}

async function decoded(weight: TensorLocation, ids?: number[]): Promise<number[]> {
  const graph = new Graph('decode', { precision: 'f32' })
  const feed = graph.input('ids', 'i64', ['n'])
  const { encoding, key } = weight
  graph.output('y', ids ? encoding!.rows(graph, key, feed) : encoding!.decode(graph, key, feed))
  const folded = [...foldedValues(graph)].map(name => elementCount(graph.values.get(name)!.shape.map(Number)))
  expect(Math.max(0, ...folded)).toBeLessThan(Math.max(2, elementCount(weight.shape) / 4))
  const { y } = await runGraph(graph, {
    ids: tensor('i64', [ids?.length ?? 1], BigInt64Array.from(ids ?? [0], BigInt)),
  })
  return [...(y!.data as Float32Array)]
}

const f = Math.fround
const asFloats = (value: Tensor) => toFloat32(value as Tensor<'f32'>).data

/** Element by element: of a row and a column. */
function matrix(rows: number, columns: number, element: (row: number, column: number) => number): number[] {
  return Array.from({ length: rows * columns }, (_, index) =>
    f(element(Math.floor(index / columns), index % columns)),
  )
}

/** W′ · R for R of 4 columns, H4 / 2. */
function rotatedBy4(values: number[]): number[] {
  const signs = [3, 2, 1, 0]
  return values.map((_, index) => {
    const group = index - (index % 4)
    const sum = [0, 1, 2, 3].map(each => (signs[each] === index % 4 ? -0.5 : 0.5) * values[group + each]!)
    return sum.reduce((a, b) => a + b)
  })
}

const nibble = (data: HostArray, columns: number, row: number, column: number, even: 'low' | 'high') => {
  const byte = Number(data[(row * columns) / 2 + (column >> 1)]) & 0xff
  return (column % 2 === 0) === (even === 'low') ? byte & 15 : byte >> 4
}

test.each<[string, () => Tensor, Record<string, Tensor>]>([
  ['8-bit floats', () => fp8([16, 32]), { weight_scale: f32([]) }],
  ['8-bit integers', () => packed('i8', [16, 32]), { weight_scale: f32([16, 1]) }],
  ['floats, whose outputs alone are quantised', () => f32([16, 32]), {}],
])('scales of what a layer of %s takes and gives are not used', async (_, weight, scales) => {
  const names = ['input_scale', 'output_scale', 'scale_input', 'activation_scale']
  const more = Object.fromEntries(names.map(name => [name, f32([])]))
  const location = await layer({ weight: weight(), ...scales, ...more })
  const plain = await layer({ weight: weight(), ...scales })
  if (plain.encoding) expectSame(await decoded(location), await decoded(plain))
  else expect(location).toMatchObject({ dtype: 'f32', bytes: plain.bytes })
})

describe('fp8', () => {
  test.each<[string, string, number[], number[], [number, number]]>([
    ['blocks of 128, the last ones smaller', 'weight_scale_inv', [130, 300], [2, 3], [128, 128]],
    ['whole blocks of 128', 'weight_scale_inv', [256, 128], [2, 1], [128, 128]],
    ['fewer rows and columns than a block has', 'weight_scale_inv', [8, 12], [1, 1], [8, 12]],
    ['groups of 64 columns', 'scale_weight', [6, 192], [6, 3, 1], [1, 64]],
    ['blocks of 16', 'weight_scale', [32, 48], [2, 3], [16, 16]],
    ['a scale for each column', 'weight_scale', [6, 10], [1, 10], [6, 1]],
    ['a scale for each row', 'weight_scale', [6, 10], [6, 1], [1, 10]],
    ['one scale', 'weight_scale', [6, 10], [1, 1], [6, 10]],
  ])('in %s is scaled as it says', async (_, name, shape, scaleShape, [blockRows, blockColumns]) => {
    const [rows, columns] = shape as [number, number]
    const weight = fp8(shape)
    const scale = f32(scaleShape)
    const blocks = Math.ceil(columns / blockColumns)
    const plain = asFloats(weight)
    const expected = matrix(rows, columns, (row, column) => {
      const at = Math.floor(row / blockRows) * blocks + Math.floor(column / blockColumns)
      return plain[row * columns + column]! * scale.data[at]!
    })
    const location = await layer({ weight, [name]: scale, input_scale: f32([]) })
    expectSame(await decoded(location), expected)
    const picked = await decoded(location, [rows - 1, 0])
    expectSame(picked, [...expected.slice((rows - 1) * columns), ...expected.slice(0, columns)])
  })

  test('is scaled by bf16 values as by their f32 ones', async () => {
    const scale = tensor('bf16', [2, 3], Uint16Array.from(floats(6), toBfloat16Bits))
    const exact = tensor('f32', [2, 3], asFloats(scale))
    const weight = fp8([130, 300])
    const [one, other] = await Promise.all(
      [scale, exact].map(async each => decoded(await layer({ weight, weight_scale_inv: each }))),
    )
    expectSame(one!, other!)
  })

  test.each([
    ['a kernel', [4, 3, 1, 2, 2], [4, 1, 1, 1, 1], 12],
    ['a vector', [6], [], 6],
  ])('of %s has one scale, or one a row', async (_, shape, scaleShape, perScale) => {
    const weight = fp8(shape)
    const scale = f32(scaleShape)
    const expected = [...asFloats(weight)].map((value, index) =>
      f(value * scale.data[Math.floor(index / perScale)]!),
    )
    expectSame(await decoded(await layer({ weight, weight_scale: scale })), expected)
  })

  test('with scales that fit no blocks is refused', async () => {
    const refused = layer({ weight: fp8([130, 300]), weight_scale_inv: f32([5, 7]) })
    expect((await failure(refused)).message).toMatch(
      /weight_scale_inv: expected one scale, .* got shape \[5, 7\]/,
    )
  })

  test('with a scale that is no number is refused', async () => {
    const scale = tensor('f32', [1, 1], Float32Array.of(Number.NaN))
    expect((await failure(layer({ weight: fp8([8, 8]), weight_scale_inv: scale }))).message).toMatch(
      /finite scales, got NaN/,
    )
  })
})

describe('4 bits', () => {
  const [rows, columns] = [6, 64]

  test('as convrot_w4a4 are signed, scaled by row, and rotated', async () => {
    const weight = packed('i8', [rows, columns / 2])
    const weight_scale = f32([rows])
    const plain = matrix(rows, columns, (row, column) => {
      const code = nibble(weight.data, columns, row, column, 'low')
      return (code < 8 ? code : code - 16) * weight_scale.data[row]!
    })
    const comfy_quant = marker({ format: 'convrot_w4a4', convrot_groupsize: 4 })
    const location = await layer({ weight, weight_scale, comfy_quant })
    expect(location.shape).toEqual([rows, columns])
    expectClose(await decoded(location), rotatedBy4(plain))
  })

  test.each([true, false])('as asym_w4a8_int8 with a codebook: %s', async withCodebook => {
    const weight = packed('i8', [rows, columns / 2])
    const weight_s_rel = tensor(
      'f8e4m3',
      [rows, 4],
      bytes(rows * 4, 9).map(byte => byte & 0x5f),
    )
    const weight_s_channel = f32([rows])
    const weight_codebook = tensor(
      'f32',
      [16],
      floats(16, 3).map(value => value * 900 - 20),
    )
    const scales = asFloats(weight_s_rel)
    const halfToEven = (value: number) => {
      const floor = Math.floor(value)
      return value - floor === 0.5 ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(value)
    }
    const plain = matrix(rows, columns, (row, column) => {
      const code = nibble(weight.data, columns, row, column, 'low')
      const value = withCodebook ? weight_codebook.data[code]! : code - 8
      const whole = halfToEven(f(value * scales[row * 4 + Math.floor(column / 16)]!))
      return Math.min(127, Math.max(-127, whole)) * weight_s_channel.data[row]!
    })
    const comfy_quant = marker({
      format: 'asym_w4a8_int8',
      params: { group_size: 16, convrot: true, convrot_groupsize: 4 },
    })
    const location = await layer({
      weight,
      weight_s_rel: tensor('u8', [rows, 4], weight_s_rel.data),
      weight_s_channel,
      ...(withCodebook && { weight_codebook }),
      comfy_quant,
    })
    expectClose(await decoded(location), rotatedBy4(plain))
  })

  test('as awq_w4a16 are scaled and moved by group', async () => {
    const weight = packed('i8', [rows, columns / 2])
    const weight_scale = tensor('bf16', [2, rows], Uint16Array.from(floats(12), toBfloat16Bits))
    const weight_zeros = tensor('bf16', [2, rows], Uint16Array.from(floats(12, 5), toBfloat16Bits))
    const [scales, zeros] = [asFloats(weight_scale), asFloats(weight_zeros)]
    const expected = matrix(rows, columns, (row, column) => {
      const at = Math.floor(column / 32) * rows + row
      return f((nibble(weight.data, columns, row, column, 'low') - 8) * scales[at]!) + zeros[at]!
    })
    const location = await layer({
      weight,
      weight_scale,
      weight_zeros,
      comfy_quant: marker('awq_w4a16'),
    })
    expectSame(await decoded(location), expected)
    expectSame(await decoded(location, [2]), expected.slice(2 * columns, 3 * columns))
  })

  const e2m1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6]

  test.each([true, false])('as ModelOpt’s NVFP4, with factors of the input: %s', async withFactors => {
    const weight = packed('u8', [rows, columns / 2])
    const weight_scale = fp8([rows, columns / 16])
    const weight_scale_2 = f32([])
    const pre_quant_scale = f32([columns], 7)
    const scales = asFloats(weight_scale)
    const expected = matrix(rows, columns, (row, column) => {
      const scale = f(weight_scale_2.data[0]! * scales[row * 4 + Math.floor(column / 16)]!)
      const value = f(e2m1[nibble(weight.data, columns, row, column, 'low')]! * scale)
      return withFactors ? value * pre_quant_scale.data[column]! : value
    })
    const location = await layer({
      weight,
      weight_scale,
      weight_scale_2,
      input_scale: f32([]),
      ...(withFactors && { pre_quant_scale }),
    })
    expect(location.encoding?.name).toBe('NVFP4 (ModelOpt)')
    expectSame(await decoded(location), expected)
  })
})

describe('MXFP8', () => {
  const weight = fp8([32, 64])
  const exponents = Uint8Array.from({ length: 512 }, (_, index) => 100 + (index % 50))
  const raw = (dtype: string, data: Uint8Array, at: number, shape: number[]) => ({
    dtype,
    shape,
    data_offsets: [at, at + data.length],
  })

  test('has exponents of their own dtype, and needs no marker then', async () => {
    const file = join(scratch, 'e8m0.safetensors')
    const header = headerOf({
      'a.weight': raw('F8_E4M3', weight.data, 0, [32, 64]),
      'a.weight_scale': raw('F8_E8M0', exponents, weight.data.length, [128, 4]),
    })
    writeFileSync(file, safetensorsBytes(header, Buffer.concat([weight.data, exponents])))
    const marked = await layer({
      weight,
      weight_scale: tensor('u8', [128, 4], exponents),
      comfy_quant: marker({ format: 'mxfp8' }),
    })
    const read = (await readTensorFile(file)).tensors
    expect([...read.keys()]).toEqual(['a.weight'])
    const values = await decoded(read.get('a.weight')!)
    expectSame(values, await decoded(marked))
    // Row 5, column 40: the second block of columns, 16 bytes a row in the tile.
    expect(values[5 * 64 + 40]).toBe(asFloats(weight)[5 * 64 + 40]! * 2 ** (exponents[5 * 16 + 1]! - 127))
  })
})

test('a quantised tensor can stand for one of another shape', async () => {
  const weight = fp8([6, 16])
  const location = withShape(await layer({ weight, weight_scale: f32([6, 1]) }), [6, 4, 1, 2, 2])
  expect(location.shape).toEqual([6, 4, 1, 2, 2])
  const flat = await decoded(await layer({ weight, weight_scale: f32([6, 1]) }))
  expectSame(await decoded(location), flat)
  const graph = new Graph('decode', { precision: 'f32' })
  const value = location.encoding!.decode(graph, 'a', graph.input('ids', 'i64', ['n']))
  expect(value.shape).toEqual([6, 4, 1, 2, 2])
})

describe('8-bit integers', () => {
  test('of any rank are scaled by row', async () => {
    const data = new Int8Array(bytes(24).buffer)
    const scale = f32([4, 1, 1])
    const weight = tensor('i8', [4, 3, 2], data)
    const expected = [...data].map((value, index) => f(value * scale.data[Math.floor(index / 6)]!))
    expectSame(await decoded(await layer({ weight, weight_scale: scale })), expected)
  })
})

/** Without a diff, which takes minutes for thousands of numbers. */
function expectSame(values: readonly number[], expected: readonly number[]): void {
  const wrong = expected.findIndex((value, index) => value !== values[index])
  expect({ count: values.length, wrong, value: values[wrong] }).toEqual({
    count: expected.length,
    wrong: -1,
    value: expected[wrong],
  })
}

function expectClose(values: readonly number[], expected: readonly number[]): void {
  const largest = Math.max(...expected.map(Math.abs))
  expect(values.length).toBe(expected.length)
  const worst = values.reduce((most, value, index) => Math.max(most, Math.abs(value - expected[index]!)), 0)
  expect(worst / largest).toBeLessThan(1e-6)
}
