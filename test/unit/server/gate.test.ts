import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Gate } from '../../../src/server/assets/gate.ts'

test('a gate lets so many through at a time, in their order, also when some fail', async () => {
  const gate = new Gate(2)
  let inside = 0
  let most = 0
  const order: number[] = []
  const work = (number: number) =>
    gate.run(async () => {
      order.push(number)
      most = Math.max(most, ++inside)
      await wait(5)
      inside--
      if (number === 1) throw new Error('one')
      return number
    })
  const results = await Promise.allSettled([0, 1, 2, 3, 4].map(work))
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ])
  expect([order, most, inside]).toEqual([[0, 1, 2, 3, 4], 2, 0])
})
