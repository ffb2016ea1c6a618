/**
 * Conversions between float32 and the 16-bit floats, on their bits. Rounding is to nearest, ties to even
 * (IEEE 754-2019, 4.3.1), as torch and ONNX Runtime do it.
 */

const f32 = new Float32Array(1)
const u32 = new Uint32Array(f32.buffer)

/** The 16-bit floats of numbers, by a function that gives the bits of one. `Uint16Array.from` takes up to 60 times as long. */
export function bitsOfEach(values: ArrayLike<number>, bitsOf: (value: number) => number): Uint16Array {
  const bits = new Uint16Array(values.length)
  for (let index = 0; index < bits.length; index++) bits[index] = bitsOf(values[index]!)
  return bits
}

/** The bits of the bfloat16 nearest to a float32 value. NaN stays a (quiet) NaN. */
export function toBfloat16Bits(value: number): number {
  f32[0] = value
  const bits = u32[0]!
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

/** The value of a bfloat16's bits: exact. */
export function fromBfloat16Bits(bits: number): number {
  u32[0] = bits << 16
  return f32[0]!
}

/** The bits of the float16 nearest to a float32 value; beyond 65504 the result is an infinity. */
export function toFloat16Bits(value: number): number {
  f32[0] = value
  const bits = u32[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal: the unit in the last place is 2^-24.
    const scaled = Math.abs(f32[0]!) * 16777216
    const floor = Math.floor(scaled)
    const rest = scaled - floor
    return sign | (floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0))
  }
  const rebased = magnitude - 0x38000000
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13)
}

/** The unit in the last place of each exponent but the one of infinities; that of 0 is of subnormals. */
const units = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (Math.max(exponent, 1) - 25))

/** The value of a float16's bits: exact. */
export function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (exponent === 0 ? fraction : 1024 + fraction) * units[exponent]!
}
