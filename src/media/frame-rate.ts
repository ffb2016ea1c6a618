/** Rates that video is made at: whole numbers, and those of NTSC television, which are 1000/1001 of them. */
const usualRates = Array.from({ length: 240 }, (_, index) => index + 1).flatMap(rate => [rate, rate / 1.001])

/**
 * The frame rate behind the times of frames, which containers round: Matroska to milliseconds, where 1/24 s is 41 or
 * 42. The mean rate is taken for the nearest usual one that rounding can explain, whole numbers first; when none is
 * near enough it stays as it is.
 *
 * @param times seconds, at least of the first frames, in any order
 * @returns frames a second to three decimals, or undefined for fewer than two frames
 */
export function frameRate(times: readonly number[]): number | undefined {
  const first = Math.min(...times)
  const span = Math.max(...times) - first
  if (!(span > 0)) return undefined
  const mean = (times.length - 1) / span
  const tolerance = mean * Math.min(0.02, 0.001 / span)
  const distance = (rate: number) => Math.abs(rate - mean) * (Number.isInteger(rate) ? 0.5 : 1)
  const near = usualRates.filter(rate => Math.abs(rate - mean) <= tolerance)
  const rate = near.sort((a, b) => distance(a) - distance(b))[0] ?? mean
  return Math.round(rate * 1000) / 1000
}
