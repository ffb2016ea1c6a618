/** How values are written on a command line: read from a word, and written so that they are read as the same. */
import { parseSize } from '../../geometry/parse-size.ts'
import { closeTo } from '../../weights/closest-keys.ts'

export interface ArgumentType<Value> {
  /**
   * @param refuse ends the reading of a word that is no such value
   * @param before the value of the uses of the flag so far, where it can be repeated
   */
  read(word: string, refuse: Refuse, before?: Value): Value
  /** One word for each use of the flag. */
  write(value: Value): readonly string[]
}

/** @param got the part that is wrong, where it is not all of the word */
export type Refuse = (expected: string, advice?: string, got?: string) => never

export const text: ArgumentType<string> = {
  read: word => word,
  write: value => [value],
}

/** A text for each use of the flag. */
export const texts: ArgumentType<readonly string[]> = {
  read: (word, _, before = []) => [...before, word],
  write: values => values,
}

export const wholeNumber: ArgumentType<number> = {
  read: (word, refuse) => (/^-?\d{1,15}$/.test(word) ? Number(word) : refuse('a whole number')),
  write: value => [String(value)],
}

export const decimals = /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i

export const decimal: ArgumentType<number> = {
  read: (word, refuse) => (decimals.test(word) ? Number(word) : refuse('a number')),
  write: value => [String(value)],
}

/** One or several numbers, separated by commas: a number alone is no list. */
export const decimalList: ArgumentType<number | readonly number[]> = {
  read(word, refuse) {
    const [first, ...more] = listOf(word, refuse)
    return first !== undefined && more.length === 0 ? first : [first!, ...more]
  },
  write: values => [[values].flat().join()],
}

/** Numbers with commas between them. */
export const numbers: ArgumentType<readonly number[]> = {
  read: (word, refuse) => listOf(word, refuse),
  write: values => [values.join()],
}

/** Two numbers with a comma between them. */
export const interval: ArgumentType<readonly [number, number]> = {
  read(word, refuse) {
    const [from, to, ...more] = listOf(word, refuse)
    if (from !== undefined && to !== undefined && more.length === 0) return [from, to]
    return refuse('two numbers, such as 0,0.8')
  },
  write: values => [values.join()],
}

function listOf(word: string, refuse: Refuse): number[] {
  return word.split(',').map(part => {
    const number = part.trim()
    return decimals.test(number) ? Number(number) : refuse('a number', undefined, number)
  })
}

/** Seeds are below it. */
export const seedLimit = 2n ** 64n

export const seed: ArgumentType<number | bigint> = {
  read(word, refuse) {
    if (/^\d{1,20}$/.test(word) && BigInt(word) < seedLimit) return BigInt(word)
    return refuse('a whole number from 0 to 18446744073709551615 (2^64 - 1)')
  },
  write: value => [String(value)],
}

/** @param otherwise what to do where none of them is near to the word */
export function choice<const T extends string>(allowed: readonly T[], otherwise?: string): ArgumentType<T> {
  return {
    read(word, refuse) {
      const found = allowed.find(each => each === word)
      if (found !== undefined) return found
      const [closest] = closeTo(word, allowed)
      return refuse(`one of ${allowed.join(', ')}`, closest ? `Did you mean ${closest}?` : otherwise)
    },
    write: value => [value],
  }
}

/** `832x480`. */
export const size: ArgumentType<Readonly<Record<string, number>>> = {
  read: word => ({ ...parseSize(word) }),
  write: ({ width, height }) => [`${width}x${height}`],
}

/** A path with how strongly it counts; 1 may be left out, except after a path that ends like a number. */
export function pathWithAmount(path: string, amount = 1): string {
  return amount !== 1 || /:-?\d*\.?\d+$/.test(path) ? `${path}:${amount}` : path
}
