import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BodyBudget } from '../../../src/server/http/body-budget.ts'
import { FairGate } from '../../../src/server/http/fair-gate.ts'

const signal = new AbortController().signal
const budgetOf = (waitMs = 10_000) => new BodyBudget({ bytes: 100, bytesOfOwner: 60, freeBytes: 5, waitMs })

test('bodies wait for room, those of the owner with the least first, and small ones do not', async () => {
  const budget = budgetOf()
  const first = await budget.take('a', 60, signal)
  const order: string[] = []
  const take = (owner: string, bytes: number, name: string) =>
    budget.take(owner, bytes, signal).then(release => {
      order.push(name)
      return release
    })
  const waiting = [take('a', 20, 'a again'), take('b', 40, 'b'), take('c', 40, 'c')]
  await take('a', 5, 'small')
  await wait(1)
  expect(order).toEqual(['small', 'b'])
  first()
  await Promise.all(waiting)
  expect(new Set(order.slice(2))).toEqual(new Set(['c', 'a again']))
})

test('a body that gets no room in time is told when to come again, and holds nothing', async () => {
  const budget = budgetOf(20)
  const release = await budget.take('a', 60, signal)
  const refused = await budget.take('a', 10, signal).catch(error => error)
  expect(refused).toMatchObject({ status: 503, details: { retryAfterSeconds: 5 } })
  release()
  release()
  await budget.take('a', 60, signal)
  await budget.take('b', 40, signal)
  expect(await budget.take('c', 6, signal).catch(error => error)).toMatchObject({ status: 503 })
})

test('who leaves while it waits makes way', async () => {
  const budget = budgetOf()
  const release = await budget.take('a', 60, signal)
  const leaving = new AbortController()
  const left = budget.take('b', 60, leaving.signal).catch(error => error)
  const next = budget.take('c', 40, signal)
  leaving.abort()
  expect(await left).toMatchObject({ status: 503 })
  await next
  release()
})

test('a gate lets so many through at a time, and so many of each owner, also when some fail', async () => {
  const gate = new FairGate({ all: 3, ofOwner: 2 })
  const inside: string[] = []
  const most = { all: 0, a: 0 }
  const order: string[] = []
  const work = (owner: string, number: number) =>
    gate.run(owner, async () => {
      inside.push(owner)
      order.push(`${owner}${number}`)
      most.all = Math.max(most.all, inside.length)
      most.a = Math.max(most.a, inside.filter(each => each === 'a').length)
      await wait(5)
      inside.splice(inside.indexOf(owner), 1)
      if (number === 1) throw new Error('one')
    })
  await Promise.allSettled([...[0, 1, 2, 3].map(n => work('a', n)), ...[0, 1].map(n => work('b', n))])
  expect(most).toEqual({ all: 3, a: 2 })
  expect(order.slice(0, 3)).toEqual(['a0', 'a1', 'b0'])
})
