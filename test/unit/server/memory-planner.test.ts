import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { MemoryPlanner } from '../../../src/server/models/memory-planner.ts'
import { seededModels, writeSeededModel } from '../../parity/seeded-models.ts'
import { scratchFolder } from '../../scratch.ts'

const model = join(scratchFolder(), 'vace')
const caller = { owner: 'a', signal: new AbortController().signal }
/** A size whose plan takes hundreds of milliseconds. */
const large = { model, width: 1280, height: 720, frames: 81 }

describe('a memory planner', () => {
  let planner: MemoryPlanner
  beforeAll(async () => await writeSeededModel(model, seededModels()['wan21-vace']!))
  afterEach(async () => await planner[Symbol.asyncDispose]())

  test('leaves the event loop free while a large video is planned', async () => {
    planner = new MemoryPlanner({ device: 'cpu' })
    await planner.plan({ model: 'doodle', width: 64, height: 64, frames: 17 }, caller)
    const from = performance.now()
    let last = from
    let longest = 0
    const timer = setInterval(() => {
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }, 5)
    const plan = await planner.plan(large, caller)
    clearInterval(timer)
    longest = Math.max(longest, performance.now() - last)
    const planMs = performance.now() - from
    console.info(
      `planned in ${planMs.toFixed(0)} ms, the event loop's longest pause ${longest.toFixed(0)} ms`,
    )
    expect(plan).toMatchObject({ device: 'cpu', bytes: expect.any(Number), text: expect.any(String) })
    expect(longest).toBeLessThan(planMs / 4)
  })

  test('plans one video after the other, each owner in turn', async () => {
    planner = new MemoryPlanner({ device: 'cpu' })
    const sizes = [64, 96, 128].map(width => ({ model: 'doodle', width, height: 64, frames: 17 }))
    const plans = await Promise.all(sizes.map(size => planner.plan(size, caller)))
    const bytes = plans.map(plan => plan!.bytes)
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b))
    expect(new Set(bytes).size).toBe(3)
  })

  test('computes nothing for whoever has gone away', async () => {
    planner = new MemoryPlanner({ device: 'cpu' })
    const first = planner.plan({ model: 'doodle', width: 64, height: 64, frames: 17 }, caller)
    const gone = new AbortController()
    const second = planner.plan(large, { owner: 'a', signal: gone.signal })
    gone.abort()
    expect(await first).toBeDefined()
    expect(await second).toBeUndefined()
  })

  test('says nothing of what cannot be planned, and plans the next video', async () => {
    planner = new MemoryPlanner({ device: 'cpu' })
    expect(await planner.plan({ ...large, model: join(model, 'absent') }, caller)).toBeUndefined()
    expect(await planner.plan({ model: 'doodle', width: 64, height: 64, frames: 17 }, caller)).toBeDefined()
  })

  test('ends a plan that is computed when it is disposed', async () => {
    planner = new MemoryPlanner({ device: 'cpu' })
    const plan = planner.plan(large, caller)
    await planner[Symbol.asyncDispose]()
    expect(await plan).toBeUndefined()
    expect(await planner.plan(large, caller)).toBeUndefined()
  })
})
