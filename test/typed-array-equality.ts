/** Typed arrays of the same bytes are equal: found at once, where going through their elements takes seconds for a clip. */
import { expect } from 'vitest'

expect.addEqualityTesters([
  (a: unknown, b: unknown) => {
    if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b) || a.constructor !== b.constructor) return undefined
    // Others are compared by their elements: 0 and -0 differ, and the report shows where.
    return bytesOf(a).equals(bytesOf(b)) || undefined
  },
])

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
