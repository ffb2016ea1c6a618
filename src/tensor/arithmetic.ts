/** A weight and the values it scales. */
export type Term<V = Float32Array> = readonly [weight: number, values: V]

/**
 * What a run computes between two passes of its network, on arrays of f32 values that are all of one shape. Where the
 * values are, in the host's memory or a device's, only the arithmetic knows; none of it writes to its operands.
 * @typeParam V the values of one array
 */
export interface Arithmetic<V> {
  /** The weighted sum of 1 to 5 arrays: summed in float64, rounded once. */
  combination(terms: readonly [Term<V>, ...Term<V>[]]): V
  /** Σ a · b, added up in float64. */
  innerProduct(a: V, b: V): Promise<number>
  /** How many values there are. */
  count(values: V): number
  /** Σ values, added up in float64. */
  sum(values: V): Promise<number>
  /** Σ |a − b|, added up in float64; Σ |a| without b. Ratios of these are ratios of means. */
  distance(a: V, b?: V): Promise<number>
}

/** As many terms as the widest formula has: the corrector of third order. */
export const mostTerms = 5

/** Arithmetic on arrays in the host's memory. */
export const hostArithmetic: Arithmetic<Float32Array> = Object.freeze({
  combination,
  async innerProduct(a: Float32Array, b: Float32Array) {
    let sum = 0
    for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
    return sum
  },
  count: (values: Float32Array) => values.length,
  async sum(values: Float32Array) {
    let sum = 0
    for (let i = 0; i < values.length; i++) sum += values[i]!
    return sum
  },
  async distance(a: Float32Array, b?: Float32Array) {
    let sum = 0
    if (b) for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!)
    else for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]!)
    return sum
  },
})

/** The terms are spelled out in the loops because they run over millions of elements in every step. */
function combination(terms: readonly [Term, ...Term[]]): Float32Array {
  checkTerms(terms)
  const length = terms[0][1].length
  const other = terms.find(([, values]) => values.length !== length)
  if (other) throw new RangeError(`terms: expected ${length} values each, got ${other[1].length}.`)
  const result = new Float32Array(length)
  const nothing: Term = [0, terms[0][1]]
  const [first, second = nothing, third, fourth, fifth] = terms
  if (!third) sumTwo(result, first, second)
  else if (!fourth) sumThree(result, [first, second, third])
  else if (!fifth) sumFour(result, [first, second, third, fourth])
  else sumFive(result, [first, second, third, fourth, fifth])
  return result
}

/** @throws RangeError for more terms than any formula has */
export function checkTerms(terms: readonly unknown[]): void {
  if (terms.length > mostTerms)
    throw new RangeError(`expected up to ${mostTerms} terms, got ${terms.length}.`)
}

function sumTwo(result: Float32Array, [a, x]: Term, [b, y]: Term): void {
  for (let i = 0; i < result.length; i++) result[i] = a * x[i]! + b * y[i]!
}

function sumThree(result: Float32Array, [[a, x], [b, y], [c, z]]: readonly [Term, Term, Term]): void {
  for (let i = 0; i < result.length; i++) result[i] = a * x[i]! + b * y[i]! + c * z[i]!
}

function sumFour(result: Float32Array, terms: readonly [Term, Term, Term, Term]): void {
  const [[a, x], [b, y], [c, z], [d, u]] = terms
  for (let i = 0; i < result.length; i++) result[i] = a * x[i]! + b * y[i]! + c * z[i]! + d * u[i]!
}

function sumFive(result: Float32Array, terms: readonly [Term, Term, Term, Term, Term]): void {
  const [[a, x], [b, y], [c, z], [d, u], [e, v]] = terms
  for (let i = 0; i < result.length; i++) {
    result[i] = a * x[i]! + b * y[i]! + c * z[i]! + d * u[i]! + e * v[i]!
  }
}

/** Arithmetic on lists of arrays, one for each stream: sums run over all of them. */
export function jointArithmetic<V>(streams: readonly Arithmetic<V>[]): Arithmetic<readonly V[]> {
  const total = async (sumOf: (on: Arithmetic<V>, stream: number) => Promise<number>) => {
    let sum = 0
    for (const [stream, on] of streams.entries()) sum += await sumOf(on, stream)
    return sum
  }
  return {
    combination: terms =>
      streams.map((on, stream) => {
        const [first, ...rest] = terms.map(([weight, arrays]): Term<V> => [weight, arrays[stream]!])
        return on.combination([first!, ...rest])
      }),
    innerProduct: (a, b) => total((on, stream) => on.innerProduct(a[stream]!, b[stream]!)),
    count: arrays => streams.reduce((sum, on, stream) => sum + on.count(arrays[stream]!), 0),
    sum: arrays => total((on, stream) => on.sum(arrays[stream]!)),
    distance: (a, b) => total((on, stream) => on.distance(a[stream]!, b?.[stream])),
  }
}

/** Whether no value is infinite or no number. */
export function areFinite(values: Float32Array): boolean {
  // 0 times a value that is not finite is no number. Sums take a tenth of the time of a predicate for each value, and two
  // half of that of one, whose additions wait for each other.
  let even = 0
  let odd = 0
  const pairs = values.length & ~1
  for (let index = 0; index < pairs; index += 2) {
    even += 0 * values[index]!
    odd += 0 * values[index + 1]!
  }
  if (pairs < values.length) even += 0 * values[pairs]!
  return even + odd === 0
}

/** `count` numbers from start to stop inclusive, evenly spaced; bit for bit numpy.linspace. */
export function linspace(start: number, stop: number, count: number): number[] {
  const step = (stop - start) / (count - 1)
  const values = Array.from({ length: count }, (_, i) => i * step + start)
  values[0] = start
  if (count > 1) values[count - 1] = stop
  return values
}
