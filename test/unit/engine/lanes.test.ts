import { afterEach, describe, expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint.ts'
import { graphSource } from '../../../src/engine/graph-source.ts'
import { Lane } from '../../../src/engine/lane.ts'
import { LanePool } from '../../../src/engine/lane-pool.ts'
import { CancelledError } from '../../../src/errors.ts'
import { fixture } from '../../fixtures.ts'
import { rejection } from '../../scratch.ts'
import { RecordedBackend } from './recorded-backend.ts'
import { collect, framesOf, openTinyEngine, tinyRequest } from './tiny-engine.ts'

const never = new AbortController().signal
const checkpoint = await openCheckpoint(fixture('wan21-t2v/model'), families)
const source = graphSource(checkpoint, { device: { type: 'cpu' }, requested: undefined })

describe('a pool of lanes', () => {
  const backends: RecordedBackend[] = []
  let pool: LanePool

  function poolOf(limit: number): LanePool {
    pool = new LanePool(limit, () => {
      const backend = new RecordedBackend({ device: { type: 'cpu' }, threads: 1 })
      backends.push(backend)
      return new Lane(backend, source, 'keep')
    })
    return pool
  }
  afterEach(async () => {
    await pool[Symbol.asyncDispose]()
    backends.length = 0
  })

  test('makes a lane when it is needed, up to its limit, and lends one that is back first', async () => {
    const lanes = poolOf(2)
    expect(backends).toHaveLength(0)
    const first = await lanes.acquire(never)
    lanes.giveBack(first)
    expect(await lanes.acquire(never)).toBe(first)
    const second = await lanes.acquire(never)
    expect(second).not.toBe(first)
    expect(backends).toHaveLength(2)
  })

  test('serves those who wait in the order they came', async () => {
    const lanes = poolOf(1)
    const lane = await lanes.acquire(never)
    const served: number[] = []
    const waiting = [1, 2, 3].map(async number => {
      const lent = await lanes.acquire(never)
      served.push(number)
      lanes.giveBack(lent)
    })
    lanes.giveBack(lane)
    await Promise.all(waiting)
    expect(served).toEqual([1, 2, 3])
  })

  test('lets one who waits go when he aborts, and serves the next', async () => {
    const lanes = poolOf(1)
    const lane = await lanes.acquire(never)
    const controller = new AbortController()
    const impatient = lanes.acquire(controller.signal)
    const patient = lanes.acquire(never)
    controller.abort('too long')
    expect(await rejection(impatient)).toMatchObject({ code: 'cancelled', cause: 'too long' })
    lanes.giveBack(lane)
    expect(await patient).toBe(lane)
    // Only those who wait are in the queue: the lane comes back to the pool.
    lanes.giveBack(lane)
    expect(await lanes.acquire(never)).toBe(lane)
  })

  test('does not take an abort that comes after the lane was lent for one of those who wait', async () => {
    const lanes = poolOf(1)
    const lane = await lanes.acquire(never)
    const controller = new AbortController()
    const served = lanes.acquire(controller.signal)
    const next = lanes.acquire(never)
    lanes.giveBack(lane)
    expect(await served).toBe(lane)
    controller.abort()
    lanes.giveBack(lane)
    expect(await next).toBe(lane)
  })

  test('refuses one whose signal has aborted, and frees its lanes when it is closed', async () => {
    const lanes = poolOf(1)
    expect(await rejection(lanes.acquire(AbortSignal.abort()))).toBeInstanceOf(CancelledError)
    expect(backends).toHaveLength(0)
    await lanes.acquire(never)
    await lanes[Symbol.asyncDispose]()
    expect(backends.map(backend => backend.disposed)).toEqual([true])
  })
})

describe('lanes of an engine', () => {
  test('make as many videos at a time, the same as one lane makes', async () => {
    await using two = await openTinyEngine({ lanes: 2 })
    await using one = await openTinyEngine({ lanes: 1 })
    const seeds = [1, 2, 3]
    const make = ({ engine }: typeof two, seed: number) => collect(engine.generate({ ...tinyRequest, seed }))
    const together = await Promise.all(seeds.map(seed => make(two, seed)))
    const alone = []
    for (const seed of seeds) alone.push(await make(one, seed))
    expect(together.map(framesOf)).toEqual(alone.map(framesOf))
    expect(two.backends).toHaveLength(2)
    expect(one.backends).toHaveLength(1)
  })

  test('end with it: a video that waits is cancelled, sessions and backends are closed', async () => {
    const { engine, backends } = await openTinyEngine()
    const running = engine.generate(tinyRequest)
    await running.next()
    const waiting = rejection(collect(engine.generate(tinyRequest)))
    await engine[Symbol.asyncDispose]()
    expect(await waiting).toBeInstanceOf(CancelledError)
    expect(backends[0]!.disposed).toBe(true)
    await running.return()
  })
})

describe('residency', () => {
  /** Components in the order they came and went, without repetition. */
  const moves = (log: readonly string[]) => log.filter(entry => !entry.startsWith('run '))

  test('release frees a component before the next one loads', async () => {
    await using tiny = await openTinyEngine({ residency: 'release' })
    await collect(tiny.engine.generate({ ...tinyRequest, guidance: 1 }))
    expect(moves(tiny.backends[0]!.log)).toEqual([
      'open text-encoder',
      'release text-encoder',
      'open context',
      'open transformer',
      'release context',
      'release transformer',
      'open vae-decoder-first',
      'open vae-decoder-next',
    ])
  })

  test('keep loads every graph once for any number of videos', async () => {
    await using tiny = await openTinyEngine({ residency: 'keep' })
    const frames = []
    for (let video = 0; video < 2; video++)
      frames.push(framesOf(await collect(tiny.engine.generate(tinyRequest))))
    expect(frames[0]).toEqual(frames[1])
    const { log } = tiny.backends[0]!
    expect(moves(log).sort()).toEqual(
      ['text-encoder', 'context', 'transformer', 'vae-decoder-first', 'vae-decoder-next']
        .map(name => `open ${name}`)
        .sort(),
    )
    await tiny.engine[Symbol.asyncDispose]()
    expect(moves(log).filter(entry => entry.startsWith('release '))).toHaveLength(5)
  })

  test('release gives the same frames as keep', async () => {
    await using kept = await openTinyEngine({ residency: 'keep' })
    await using released = await openTinyEngine({ residency: 'release' })
    const [a, b] = [
      await collect(kept.engine.generate(tinyRequest)),
      await collect(released.engine.generate(tinyRequest)),
    ]
    expect(framesOf(b)).toEqual(framesOf(a))
  })
})
