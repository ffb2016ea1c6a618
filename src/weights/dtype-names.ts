import type { DType } from '../tensor/dtype.ts'

/** What the .safetensors format calls each dtype, in the order in which the reference implementation stores them. */
export const safetensorsNames: Readonly<Record<DType, string>> = {
  i64: 'I64',
  f64: 'F64',
  f32: 'F32',
  i32: 'I32',
  bf16: 'BF16',
  f16: 'F16',
  i16: 'I16',
  f8e4m3: 'F8_E4M3',
  f8e5m2: 'F8_E5M2',
  i8: 'I8',
  u8: 'U8',
  bool: 'BOOL',
}

/** Exponents of 8 bits are scales of quantised weights only, whose format reads them as bytes. */
const asBytes = ['F8_E8M0', 'u8'] as const

const byName = new Map<string, DType>([
  ...Object.entries(safetensorsNames).map(([dtype, name]) => [name, dtype as DType] as const),
  asBytes,
])

/** The dtype that a .safetensors header names; undefined when it is none of ours. */
export function dtypeNamed(name: string): DType | undefined {
  return byName.get(name)
}
