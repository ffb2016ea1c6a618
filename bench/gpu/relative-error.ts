/** ‖a − b‖ / ‖b‖, b the reference; Infinity where the lengths differ or a value is not finite. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let difference = 0
  let norm = 0
  for (let index = 0; index < b.length; index++) {
    difference += (a[index]! - b[index]!) ** 2
    norm += b[index]! ** 2
  }
  const error = Math.sqrt(difference / norm)
  return Number.isFinite(error) ? error : Number.POSITIVE_INFINITY
}

/**
 * The largest relative error of a row; Infinity where a row's is not finite.
 * @param differences ‖a − b‖² of every row
 * @param squares ‖b‖² of every row
 */
export function largestRowError(differences: Float32Array, squares: Float32Array): number {
  let largest = 0
  for (const [row, square] of squares.entries()) {
    const error = Math.sqrt(differences[row]! / square)
    largest = Number.isFinite(error) ? Math.max(largest, error) : Number.POSITIVE_INFINITY
  }
  return largest
}
