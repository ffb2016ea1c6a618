/** Bytes of .safetensors files that the writer under test would never make. */

/** A tensor's entry in a header. */
export interface RawEntry {
  readonly dtype: unknown
  readonly shape: unknown
  readonly data_offsets: unknown
}

/** A file of the given header text and data; `headerBytes` overrides the length that the file states. */
export function safetensorsBytes(
  header: string,
  data: Uint8Array,
  headerBytes: bigint = BigInt(Buffer.byteLength(header)),
): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(headerBytes)
  return Buffer.concat([length, Buffer.from(header), data])
}

/** A header with the given members. */
export function headerOf(members: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(members)
}

/** A small valid header: `a` is f32 [2, 3], `b` is bf16 [4], `c` is an empty f32 [0, 7], in 32 bytes of data. */
export const smallMembers = {
  __metadata__: { format: 'pt' },
  a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
  b: { dtype: 'BF16', shape: [4], data_offsets: [24, 32] },
  c: { dtype: 'F32', shape: [0, 7], data_offsets: [32, 32] },
} as const satisfies Record<string, RawEntry | object>

export const smallData = Uint8Array.from({ length: 32 }, (_, index) => index)

/** The file of `smallMembers` and `smallData`. */
export const smallFile = safetensorsBytes(headerOf(smallMembers), smallData)
