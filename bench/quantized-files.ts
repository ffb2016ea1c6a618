/** Weights files in several formats, of random bytes whose values have the size of trained weights. */
import { open } from 'node:fs/promises'
import { elementCount } from '../src/tensor/dtype.ts'
import { toFloat16Bits } from '../src/tensor/float16.ts'
import { RandomWeights } from '../src/weights/random-weights.ts'
import type { TensorLocation } from '../src/weights/tensor-location.ts'
import { planHeader, type TensorEntry } from '../src/weights/write-header.ts'
import { text, u32, u64 } from './gguf-bytes.ts'

/** Key and shape of each tensor. */
export type Shapes = readonly Pick<TensorLocation, 'key' | 'shape'>[]

/** Matrices of the layers, which converters quantise; everything else stays in 16 or 32 bits. */
function isQuantized({ key, shape }: Shapes[number]): boolean {
  return /^blocks\..*\.weight$/.test(key) && shape.length === 2
}

/** Random bytes that repeat after a prime number of them. */
const noise = (() => {
  const bytes = new Uint8Array(1_000_003)
  let state = 1
  for (let index = 0; index < bytes.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
})()

export async function writeFloats(file: string, shapes: Shapes, dtype: 'f32' | 'bf16'): Promise<void> {
  const random = new RandomWeights()
  const { header, order } = planHeader(shapes.map((each): TensorEntry => ({ ...each, dtype })))
  await writePieces(file, header, function* () {
    for (const entry of order) yield* random.bytesOf(entry)
  })
}

/** `float8_e4m3fn` with one scale a layer, as ComfyUI's `fp8_scaled` files; other tensors in bf16. */
export async function writeScaledFp8(file: string, shapes: Shapes): Promise<void> {
  const random = new RandomWeights()
  // Exponents from −3 to 0: 0.125 to 1.875 without their sign.
  const codes = noise.map(byte => (byte & 0x9f) | 0x20)
  const entries = shapes.flatMap((each): TensorEntry[] => {
    if (!isQuantized(each)) return [{ ...each, dtype: 'bf16' }]
    const scale = each.key.replace(/weight$/, 'scale_weight')
    return [
      { ...each, dtype: 'f8e4m3' },
      { key: scale, dtype: 'f32', shape: [] },
    ]
  })
  const columns = new Map(shapes.map(({ key, shape }) => [key, shape[1] ?? 1]))
  const { header, order } = planHeader([...entries, { key: 'scaled_fp8', dtype: 'f8e4m3', shape: [0] }])
  await writePieces(file, header, function* () {
    for (const entry of order) {
      if (entry.dtype === 'f8e4m3') yield* repeated(codes, elementCount(entry.shape))
      else if (entry.key.endsWith('.scale_weight')) {
        const fanIn = columns.get(entry.key.replace(/scale_weight$/, 'weight'))!
        yield new Uint8Array(Float32Array.of(1.2 / Math.sqrt(fanIn)).buffer)
      } else yield* random.bytesOf(entry)
    }
  })
}

const ggmlTypes = { f32: 0, q4k: 12 } as const
const alignment = 32

/** Matrices of the layers as `Q4_K`, everything else as F32. */
export async function writeQ4K(file: string, shapes: Shapes): Promise<void> {
  const random = new RandomWeights()
  const tensors = shapes.map(each => {
    const type: keyof typeof ggmlTypes = isQuantized(each) && each.shape[1]! % 256 === 0 ? 'q4k' : 'f32'
    const count = elementCount(each.shape)
    return { ...each, type, bytes: type === 'q4k' ? (count / 256) * 144 : 4 * count }
  })
  const header = ggufHeader(tensors.map(each => ({ ...each, type: ggmlTypes[each.type] })))
  await writePieces(file, header, function* () {
    for (const { key, shape, type, bytes } of tensors) {
      if (type === 'q4k') yield* repeated(q4kBlocks(shape[1]!), bytes)
      else yield* random.bytesOf({ key, dtype: 'f32', shape })
      yield new Uint8Array(padded(bytes) - bytes)
    }
  })
}

function padded(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment
}

/**
 * The header of a GGUF file of Wan's architecture, whose tensors follow in this order, each padded to 32 bytes.
 * @param tensors with the number of their type in GGML, and their bytes
 */
export function ggufHeader(
  tensors: readonly (Shapes[number] & { readonly type: number; readonly bytes: number })[],
): Uint8Array {
  let offset = 0
  const infos = tensors.map(({ key, shape, type, bytes }) => {
    const at = offset
    offset += padded(bytes)
    const dims = shape.toReversed().map(u64)
    return Buffer.concat([text(key), u32(dims.length), ...dims, u32(type), u64(at)])
  })
  const start = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(1)]
  const kind = [text('general.architecture'), u32(8), text('wan')]
  const header = Buffer.concat([...start, ...kind, ...infos])
  return zeros(header, padded(header.length))
}

/** d, dmin, scales and minima of 32 each, and codes of 4 bits: 7.5 is their middle, 4.6 their deviation. */
function q4kBlocks(fanIn: number): Uint8Array {
  const scale = 1 / (32 * 4.6 * Math.sqrt(fanIn))
  const blocks = Buffer.alloc(4001 * 144)
  for (let at = 0; at < blocks.length; at += 144) {
    blocks.writeUInt16LE(toFloat16Bits(scale), at)
    blocks.writeUInt16LE(toFloat16Bits(7.5 * scale), at + 2)
    blocks.fill(0xa0, at + 4, at + 12)
    blocks.set(noise.subarray(at % 900_000, (at % 900_000) + 128), at + 16)
  }
  return blocks
}

function* repeated(bytes: Uint8Array, count: number): Generator<Uint8Array> {
  for (let left = count; left > 0; left -= bytes.length) yield bytes.subarray(0, left)
}

async function writePieces(
  path: string,
  header: Uint8Array,
  pieces: () => Generator<Uint8Array>,
): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(header)
    for (const piece of pieces()) await file.writeFile(piece)
  } finally {
    await file.close()
  }
}

function zeros(bytes: Buffer, length: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(length - bytes.length)])
}
