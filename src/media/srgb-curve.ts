/** The transfer function of sRGB (IEC 61966-2-1) between 8-bit levels and linear light, as tables. */

const linears = Float64Array.from({ length: 256 }, (_, level) => {
  const value = level / 255
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
})

/** Fine enough for the steep part: a fifth of a level. */
const steps = 2 ** 14

const levels = Uint8Array.from({ length: steps + 1 }, (_, step) => {
  const light = step / steps
  return Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055))
})

/** @param level 0 … 255 @returns 0 … 1 */
export function linear(level: number): number {
  return linears[level]!
}

/** @param light cut to 0 … 1 @returns 0 … 255 */
export function srgb(light: number): number {
  return levels[Math.round(Math.min(Math.max(light, 0), 1) * steps)]!
}
