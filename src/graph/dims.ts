/**
 * Dimensions of a shape: numbers, or polynomials with whole coefficients over named symbols, kept in one
 * canonical spelling (`2*h*w+1`), so that two dimensions are the same exactly if they are equal as text.
 */
export type Dim = number | string
export type Shape = readonly Dim[]

/** Monomial (symbols joined with `*`, sorted; empty for the constant) → coefficient. */
type Polynomial = ReadonlyMap<string, number>

export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  if (b === 0) return a
  const sum = new Map(parse(a))
  for (const [monomial, coefficient] of parse(b)) sum.set(monomial, (sum.get(monomial) ?? 0) + coefficient)
  return format(sum)
}

export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b
  if (b === 1) return a
  if (a === 1) return b
  const product = new Map<string, number>()
  for (const [left, x] of parse(a)) {
    for (const [right, y] of parse(b)) {
      const monomial = [...symbolsOf(left), ...symbolsOf(right)].sort().join('*')
      product.set(monomial, (product.get(monomial) ?? 0) + x * y)
    }
  }
  return format(product)
}

/** a / b when b is a number or a single monomial that divides every term of a; otherwise undefined. */
export function divideDims(a: Dim, b: Dim): Dim | undefined {
  if (a === b) return 1
  if (typeof a === 'number' && typeof b === 'number' && a * b !== 0) return a % b === 0 ? a / b : undefined
  const divisor = [...parse(b)]
  if (divisor.length !== 1) return undefined
  const [monomial, coefficient] = divisor[0]!
  const quotient = new Map<string, number>()
  for (const [term, x] of parse(a)) {
    const rest = withoutSymbols(symbolsOf(term), symbolsOf(monomial))
    if (rest === undefined || x % coefficient !== 0) return undefined
    quotient.set(rest.join('*'), x / coefficient)
  }
  return format(quotient)
}

/** The largest whole number of times that a number goes into a; undefined where that depends on the symbols. */
export function floorDivideDims(a: Dim, b: number): Dim | undefined {
  const { '': constant = 0 } = Object.fromEntries(parse(a))
  const whole = divideDims(addDims(a, -constant), b)
  return whole === undefined ? undefined : addDims(whole, Math.floor(constant / b))
}

export function productOf(dims: Shape): Dim {
  return dims.reduce(multiplyDims, 1)
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis])
}

/** The shape as messages show it: `[1, t, 2*h]`. */
export function shapeText(shape: Shape): string {
  return `[${shape.join(', ')}]`
}

/** The value of a dimension for given symbols. @throws RangeError for a symbol without a value */
export function evaluateDim(dim: Dim, symbols: Readonly<Record<string, number>>): number {
  let total = 0
  for (const [monomial, coefficient] of parse(dim)) {
    total += symbolsOf(monomial).reduce((product, symbol) => {
      const value = symbols[symbol]
      if (value === undefined)
        throw new RangeError(`dimension ${dim}: expected a value for ${symbol}, got none.`)
      return product * value
    }, coefficient)
  }
  return total
}

/** A graph asks for the same few dimensions thousands of times. */
const parsed = new Map<Dim, Polynomial>()
const mostParsed = 4096

function parse(dim: Dim): Polynomial {
  const known = parsed.get(dim)
  if (known) return known
  if (parsed.size >= mostParsed) parsed.clear()
  const polynomial = typeof dim === 'number' ? constant(dim) : polynomialOf(dim)
  parsed.set(dim, polynomial)
  return polynomial
}

function constant(number: number): Polynomial {
  return new Map(number === 0 ? [] : [['', number]])
}

function polynomialOf(text: string): Polynomial {
  const terms = text.replaceAll('-', '+-').split('+').filter(Boolean)
  return new Map(terms.map(parseTerm))
}

function parseTerm(term: string): [string, number] {
  const negative = term.startsWith('-')
  const factors = (negative ? term.slice(1) : term).split('*')
  const leading = Number(factors[0])
  const coefficient = Number.isNaN(leading) ? 1 : leading
  const symbols = Number.isNaN(leading) ? factors : factors.slice(1)
  return [symbols.join('*'), negative ? -coefficient : coefficient]
}

function format(polynomial: Polynomial): Dim {
  const terms = [...polynomial].filter(([, coefficient]) => coefficient !== 0)
  if (terms.length === 0) return 0
  if (terms.length === 1 && terms[0]![0] === '') return terms[0]![1]
  terms.sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1))
  return terms.map(formatTerm).join('+').replaceAll('+-', '-')
}

function formatTerm([monomial, coefficient]: [string, number]): string {
  if (monomial === '') return String(coefficient)
  if (coefficient === 1) return monomial
  return coefficient === -1 ? `-${monomial}` : `${coefficient}*${monomial}`
}

function symbolsOf(monomial: string): string[] {
  return monomial === '' ? [] : monomial.split('*')
}

function withoutSymbols(from: string[], remove: string[]): string[] | undefined {
  const rest = [...from]
  for (const symbol of remove) {
    const at = rest.indexOf(symbol)
    if (at < 0) return undefined
    rest.splice(at, 1)
  }
  return rest
}
