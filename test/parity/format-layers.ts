/** A matrix of 256 × 256 in every format, as bytes of a formula: see test/fixtures/goldens/formats-seeded/record.py. */
import type { DType } from '../../src/tensor/dtype.ts'
import { toFloat16Bits } from '../../src/tensor/float16.ts'
import { type HostArray, type Tensor, tensor } from '../../src/tensor/tensor.ts'

const rows = 256
const columns = 256
/** What keeps activations near 1. */
const s = 1 / 16
const period = 1_000_003

const table = (() => {
  const bytes = new Uint8Array(period)
  let state = 1
  for (let index = 0; index < period; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
})()

/** Bytes that follow from a key: FNV-1a of it says where they begin. */
function noise(key: string, count: number, change: (byte: number) => number = byte => byte): Uint8Array {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  const bytes = new Uint8Array(count)
  for (let index = 0; index < count; index++) bytes[index] = change(table[(hash + index) % period]!)
  return bytes
}

/** base · (1 + (i mod 8) / 8) in f32. */
function steps(base: number, shape: number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1)
  return tensor(
    'f32',
    shape,
    Float32Array.from({ length: count }, (_, index) => base * (1 + (index % 8) / 8)),
  )
}

const bytes = (dtype: DType, shape: number[], data: Uint8Array): Tensor =>
  tensor(dtype, shape, (dtype === 'i8' ? new Int8Array(data.buffer) : data) as HostArray as never)
const one = (value: number) => tensor('f32', [], Float32Array.of(value))
const marker = (value: object) => {
  const text = Uint8Array.from(Buffer.from(JSON.stringify(value)))
  return tensor('u8', [text.length], text)
}

/** A layer's tensors by what follows `<layer>.`. */
export type LayerTensors = Readonly<Record<string, Tensor>>

const matrix = (dtype: DType, key: string, change?: (byte: number) => number) =>
  bytes(dtype, [rows, columns], noise(key, rows * columns, change))
const halves = (dtype: DType, key: string) =>
  bytes(dtype, [rows, columns / 2], noise(key, (rows * columns) / 2))
const float8 = (key: string) => matrix('f8e4m3', key, byte => (byte & 0x9f) | 0x20)

function nvfp4(key: string): LayerTensors {
  const scale = noise(`${key}_scale`, rows * 16, byte => (byte & 7) | 0x30)
  return {
    weight: halves('u8', key),
    weight_scale: bytes('f8e4m3', [rows, 16], scale),
    weight_scale_2: one(s / 2),
  }
}

/** Scales of activations that are not quantised. */
const quantoOnes = { input_scale: one(1), output_scale: one(1) }

/** Of .safetensors files, by the name of a case. @param key of the layer's weight */
export const layerFormats: Readonly<Record<string, (key: string) => LayerTensors>> = {
  'fp8-e4m3': key => ({ weight: matrix('f8e4m3', key, byte => (byte & 0x8f) | 0x10) }),
  'fp8-e5m2': key => ({ weight: matrix('f8e5m2', key, byte => (byte & 0x87) | 0x28) }),
  'fp8-scaled-legacy': key => ({ weight: float8(key), scale_weight: one(1.2 * s) }),
  'fp8-scaled': key => ({
    weight: float8(key),
    weight_scale: one(1.2 * s),
    comfy_quant: marker({ format: 'float8_e4m3fn' }),
  }),
  'fp8-blocks': key => ({ weight: float8(key), weight_scale_inv: steps(s, [2, 2]) }),
  int8: key => ({
    weight: matrix('i8', key),
    weight_scale: steps(s / 74, [rows, 1]),
    comfy_quant: marker({ format: 'int8_tensorwise' }),
  }),
  'int8-convrot': key => ({
    weight: matrix('i8', key),
    weight_scale: steps(s / 74, [rows, 1]),
    comfy_quant: marker({ format: 'int8_tensorwise', convrot: true, convrot_groupsize: 64 }),
  }),
  mxfp8: key => ({
    weight: float8(key),
    weight_scale: bytes(
      'u8',
      [rows, 8],
      noise(`${key}_scale`, rows * 8, byte => 122 + (byte & 1)),
    ),
    comfy_quant: marker({ format: 'mxfp8' }),
  }),
  nvfp4: key => ({ ...nvfp4(key), comfy_quant: marker({ format: 'nvfp4' }) }),
  'nvfp4-modelopt': nvfp4,
  'convrot-w4a4': key => ({
    weight: halves('i8', key),
    weight_scale: steps(s / 5, [rows]),
    comfy_quant: marker({ format: 'convrot_w4a4', convrot_groupsize: 64 }),
  }),
  w4a8: key => ({
    weight: halves('i8', key),
    weight_s_rel: bytes(
      'f8e4m3',
      [rows, 16],
      noise(`${key}_s_rel`, rows * 16, byte => (byte & 15) | 0x48),
    ),
    weight_s_channel: steps(s / 30, [rows]),
    comfy_quant: marker({ format: 'asym_w4a8_int8', convrot_groupsize: 64 }),
  }),
  awq: key => ({
    weight: halves('i8', key),
    weight_scale: steps(s / 5, [4, rows]),
    weight_zeros: steps(s / 20, [4, rows]),
    comfy_quant: marker({ format: 'awq_w4a16' }),
  }),
  'quanto-int8': key => ({
    'weight._data': matrix('i8', key),
    'weight._scale': steps(s / 74, [rows, 1]),
    ...quantoOnes,
  }),
  'quanto-float8': key => ({
    'weight._data': float8(key),
    'weight._scale': steps(s, [rows, 1]),
    ...quantoOnes,
  }),
}

interface BlockFormat {
  /** Of GGML. */
  readonly type: number
  readonly bytes: number
  readonly elements: number
  /** Where f16 values are in a block, and factors of s. */
  readonly scales: readonly (readonly [at: number, factor: number])[]
}

/** Of GGUF files. */
export const blockFormats: Readonly<Record<string, BlockFormat>> = {
  Q4_0: { type: 2, bytes: 18, elements: 32, scales: [[0, 1 / 4.6]] },
  Q4_1: {
    type: 3,
    bytes: 20,
    elements: 32,
    scales: [
      [0, 1 / 4.6],
      [2, -7.5 / 4.6],
    ],
  },
  Q5_0: { type: 6, bytes: 22, elements: 32, scales: [[0, 1 / 9.2]] },
  Q5_1: {
    type: 7,
    bytes: 24,
    elements: 32,
    scales: [
      [0, 1 / 9.2],
      [2, -15.5 / 9.2],
    ],
  },
  Q8_0: { type: 8, bytes: 34, elements: 32, scales: [[0, 1 / 74]] },
  Q2_K: {
    type: 10,
    bytes: 84,
    elements: 256,
    scales: [
      [80, 1 / 12],
      [82, 1.5 / 12],
    ],
  },
  Q3_K: { type: 11, bytes: 110, elements: 256, scales: [[108, 1 / 40]] },
  Q4_K: {
    type: 12,
    bytes: 144,
    elements: 256,
    scales: [
      [0, 1 / 150],
      [2, 7.5 / 150],
    ],
  },
  Q5_K: {
    type: 13,
    bytes: 176,
    elements: 256,
    scales: [
      [0, 1 / 300],
      [2, 15.5 / 300],
    ],
  },
  Q6_K: { type: 14, bytes: 210, elements: 256, scales: [[208, 1 / 1400]] },
  IQ4_NL: { type: 20, bytes: 18, elements: 32, scales: [[0, 1 / 70]] },
  IQ4_XS: { type: 23, bytes: 136, elements: 256, scales: [[0, 1 / 1300]] },
}

/** The blocks of a matrix. @param key of the layer's weight */
export function blocksOf(key: string, { bytes: size, elements, scales }: BlockFormat): Uint8Array {
  const count = (rows * columns) / elements
  const data = Buffer.from(noise(key, count * size))
  for (let block = 0; block < count; block++) {
    for (const [at, factor] of scales) {
      data.writeUInt16LE(toFloat16Bits(s * factor * (1 + (block % 8) / 8)), block * size + at)
    }
  }
  return data
}
