import { expect, test } from 'vitest'
import { BodyBuffers } from '../../../src/server/http/body-buffers.ts'

const mib = 2 ** 20

test('memory of a body is used again for one that fits, the smallest first, and four are kept', () => {
  const buffers = new BodyBuffers()
  const taken = [1, 2, 3, 4, 5].map(size => buffers.take(size * mib))
  expect(new Set(taken).size).toBe(5)
  for (const each of taken) buffers.giveBack(each)
  const again = [1, 2, 3, 4, 5].map(() => buffers.take(mib))
  expect(again.slice(0, 4).map(each => taken.indexOf(each))).toEqual([1, 2, 3, 4])
  expect(taken.includes(again[4]!)).toBe(false)
  expect(again[4]!.length).toBe(mib)
})
