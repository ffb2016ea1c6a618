/**
 * Calls a function once for each argument. A promise that it gave is kept like any value, also one that is rejected.
 * @param keyOf what tells arguments apart @default the argument itself
 */
export function memoize<T, R>(
  call: (argument: T) => R,
  keyOf: (argument: T) => unknown = each => each,
): (argument: T) => R {
  const known = new Map<unknown, R>()
  return argument => {
    const key = keyOf(argument)
    const found = known.get(key) ?? call(argument)
    known.set(key, found)
    return found
  }
}
