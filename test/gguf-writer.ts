/** Writes small GGUF files, version 3: values, and tensors as F32 or Q8_0. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { text, u32, u64 } from '../bench/gguf-bytes.ts'
import type { Tensor } from '../src/tensor/tensor.ts'

export type GgufText = Readonly<Record<string, string | number | readonly string[] | readonly number[]>>

const types = { u32: 4, f32: 6, string: 8, array: 9 } as const
const alignment = 32
/** Elements of a block of Q8_0. */
const block = 32

/** The scale of every block of Q8_0: a power of two, which half floats hold as it is. */
export const q8Scale = 1 / 64

/** What Q8_0 makes of values. */
export function q8Values(values: Float32Array): Float32Array {
  return values.map(value => clamped(value) * q8Scale)
}

function clamped(value: number): number {
  return Math.max(-127, Math.min(127, Math.round(value / q8Scale)))
}

/** @param quantised whether a tensor is written as Q8_0 */
export function writeGguf(
  file: string,
  tensors: ReadonlyMap<string, Tensor>,
  values: GgufText = {},
  quantised: (key: string, tensor: Tensor) => boolean = () => false,
): void {
  const parts: Buffer[] = [Buffer.from('GGUF'), u32(3), u64(tensors.size), u64(Object.keys(values).length)]
  for (const [key, value] of Object.entries(values)) parts.push(text(key), typed(value))
  const data: Buffer[] = []
  let offset = 0
  for (const [key, each] of tensors) {
    const small = quantised(key, each)
    const bytes = padded(small ? q8Blocks(each) : floats(each))
    parts.push(
      text(key),
      u32(each.shape.length),
      ...each.shape.toReversed().map(u64),
      u32(small ? 8 : 0),
      u64(offset),
    )
    data.push(bytes)
    offset += bytes.length
  }
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, Buffer.concat([padded(Buffer.concat(parts)), ...data]))
}

function floats({ data }: Tensor): Buffer {
  return Buffer.from(Float32Array.from(data as Float32Array).buffer)
}

function q8Blocks({ data }: Tensor): Buffer {
  const values = data as Float32Array
  const blocks = Buffer.alloc((values.length / block) * (block + 2))
  for (let at = 0, to = 0; at < values.length; at++) {
    // 2⁻⁶ as a half float.
    if (at % block === 0) to = blocks.writeUInt16LE(0x2400, to)
    to = blocks.writeInt8(clamped(values[at]!), to)
  }
  return blocks
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((alignment - (bytes.length % alignment)) % alignment)])
}

function typed(value: GgufText[string]): Buffer {
  if (typeof value === 'string') return Buffer.concat([u32(types.string), text(value)])
  if (typeof value === 'number') return Buffer.concat([u32(types.u32), u32(value)])
  const ofText = typeof value[0] === 'string'
  const items = value.map(each => (typeof each === 'string' ? text(each) : f32(each)))
  return Buffer.concat([
    u32(types.array),
    u32(ofText ? types.string : types.f32),
    u64(value.length),
    ...items,
  ])
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}
