import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MemoryPlanner } from '../../../src/server/models/memory-planner.ts'
import { seededModels, writeSeededModel } from '../../parity/seeded-models.ts'
import { scratchFolder } from '../../scratch.ts'

const model = join(scratchFolder(), 'vace')
const caller = { owner: 'a', signal: new AbortController().signal }
/** A size whose plan takes a second. */
const large = { model, width: 416, height: 240, frames: 33 }

describe('a memory planner', () => {
  const planner = new MemoryPlanner({ device: 'cpu' }, { abandonedMs: 100 })
  beforeAll(async () => await writeSeededModel(model, seededModels()['wan21-vace']!))
  afterAll(async () => await planner[Symbol.asyncDispose]())

  test('leaves the event loop free while a large video is planned', async () => {
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
    const sizes = [64, 96, 128].map(width => ({ model: 'doodle', width, height: 64, frames: 17 }))
    const plans = await Promise.all(sizes.map(size => planner.plan(size, caller)))
    const bytes = plans.map(plan => plan!.bytes)
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b))
    expect(new Set(bytes).size).toBe(3)
  })

  test('computes nothing for whoever has gone away', async () => {
    const first = planner.plan({ model: 'doodle', width: 64, height: 64, frames: 17 }, caller)
    const gone = new AbortController()
    const second = planner.plan({ ...large, frames: 29 }, { owner: 'a', signal: gone.signal })
    gone.abort()
    expect(await first).toBeDefined()
    expect(await second).toBeUndefined()
  })

  test('holds up nobody with a plan that nobody waits for any more', async () => {
    const gone = new AbortController()
    const abandoned = planner.plan(
      { model, width: 1280, height: 720, frames: 4093 },
      { owner: 'b', signal: gone.signal },
    )
    setTimeout(() => gone.abort(), 50)
    const size = { model: 'doodle', width: 80, height: 64, frames: 17 }
    expect(await planner.plan(size, caller)).toBeDefined()
    // As many frames as the model makes at most: that takes seconds, and was not waited for.
    expect(await abandoned).toBeUndefined()
  })

  test('says nothing of what cannot be planned, and plans the next video', async () => {
    expect(await planner.plan({ ...large, model: join(model, 'absent') }, caller)).toBeUndefined()
    expect(await planner.plan({ model: 'doodle', width: 64, height: 64, frames: 17 }, caller)).toBeDefined()
  })

  test('ends a plan that is computed when it is disposed', async () => {
    const disposed = new MemoryPlanner({ device: 'cpu' })
    const plan = disposed.plan(large, caller)
    await disposed[Symbol.asyncDispose]()
    expect(await plan).toBeUndefined()
    expect(await disposed.plan(large, caller)).toBeUndefined()
  })
})
