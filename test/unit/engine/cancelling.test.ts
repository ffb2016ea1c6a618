/** Requests that end before their time, while a graph runs that nothing can stop. */
import { describe, expect, test } from 'vitest'
import { rejection } from '../../scratch.ts'
import { collect, framesOf, openTinyEngine, type TinyEngine, tinyRequest } from './tiny-engine.ts'

const disposed =
  'engine: expected an open one, got one that was disposed. Dispose of it after its last video, or create another one.'

/** Begins a video, and holds a graph of it up. */
async function busyLane(tiny: TinyEngine, graph: string, signal?: AbortSignal) {
  let letGo = () => {}
  let reach = () => {}
  const held = new Promise<void>(resolve => {
    letGo = resolve
  })
  const reached = new Promise<void>(resolve => {
    reach = resolve
  })
  const events = tiny.engine.generate(tinyRequest, { ...(signal && { signal }) })
  await events.next()
  tiny.backends[0]!.onRun = async name => {
    if (name !== graph) return
    reach()
    await held
  }
  const rest = rejection(collect(events))
  await reached
  return { rest, letGo }
}

describe('a request whose signal aborts while a graph runs', () => {
  test.each(['text-encoder', 'transformer', 'vae-decoder-first'])(
    'is let go within a second in %s, and the lane makes the next video when the graph has ended',
    async graph => {
      await using tiny = await openTinyEngine()
      const stop = new AbortController()
      const { rest, letGo } = await busyLane(tiny, graph, stop.signal)
      const began = performance.now()
      stop.abort('no more')
      expect(await rest).toMatchObject({ message: 'cancelled by the caller', cause: 'no more' })
      expect(performance.now() - began).toBeLessThan(1000)
      let settled = false
      const settling = tiny.engine.settled().then(() => {
        settled = true
      })
      const next = collect(tiny.engine.generate(tinyRequest))
      await new Promise(resolve => setTimeout(resolve, 50))
      expect(settled).toBe(false)
      letGo()
      await settling
      expect(framesOf(await next)).toHaveLength(5 * 16 * 16 * 3)
      expect(tiny.backends).toHaveLength(1)
      expect(tiny.backends[0]!.residents.size).toBe(0)
    },
  )
})

describe('an engine that is disposed', () => {
  test('lets requests go that run and that wait, and says why', async () => {
    const tiny = await openTinyEngine()
    const { rest, letGo } = await busyLane(tiny, 'transformer')
    const waiting = rejection(collect(tiny.engine.generate(tinyRequest)))
    const closing = tiny.engine[Symbol.asyncDispose]()
    for (const error of [await rest, await waiting]) {
      expect(error).toMatchObject({ code: 'cancelled', message: disposed })
    }
    expect(tiny.backends[0]!.disposed).toBe(false)
    letGo()
    await closing
    expect(tiny.backends[0]!.disposed).toBe(true)
  })

  test('refuses later requests, and those that nobody has looked at for a while', async () => {
    const tiny = await openTinyEngine()
    const begun = tiny.engine.generate(tinyRequest)
    await begun.next()
    await tiny.engine[Symbol.asyncDispose]()
    await tiny.engine[Symbol.asyncDispose]()
    for (const events of [begun, tiny.engine.generate(tinyRequest)]) {
      expect(await rejection(collect(events))).toMatchObject({ code: 'cancelled', message: disposed })
    }
  })
})
