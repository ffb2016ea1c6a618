import { describe, expect, test } from 'vitest'
import { CancelledError } from '../../../src/errors.ts'
import { fixture } from '../../fixtures.ts'
import { rejection } from '../../scratch.ts'
import { collect, framesOf, openTinyEngine, tinyRequest } from './tiny-engine.ts'

const options = { device: 'cpu,cpu', threads: 2 }
/** What is said of steps needs one picture. */
const picture = { ...tinyRequest, frames: 1 }

describe('two lanes that run the branches of guidance at once', () => {
  test.each([
    ['text to video', {}, {}],
    ['one component at a time', {}, { residency: 'release' }],
    ['previews and chunks', { frames: 9, chunk: 1 }, {}],
    ['a step cache', { stepCache: 0.2 }, {}],
  ] as const)('make the same video as one, bit for bit: %s', async (_, fields, more) => {
    await using pair = await openTinyEngine({ ...options, ...more })
    await using single = await openTinyEngine({ threads: 1, ...more })
    const request = { ...tinyRequest, ...fields }
    const together = await collect(pair.engine.generate(request, { previewEvery: 2 }))
    const alone = await collect(single.engine.generate(request, { previewEvery: 2 }))
    expect(framesOf(together)).toEqual(framesOf(alone))
    const latents = (events: typeof together) =>
      events.flatMap(event => (event.type === 'video-end' ? [...event.latents.data] : []))
    expect(latents(together)).toEqual(latents(alone))
  })

  test('run one branch each, and encode and decode on the first', async () => {
    await using pair = await openTinyEngine(options)
    expect(pair.engine.device).toBe('cpu,cpu')
    await collect(pair.engine.generate(tinyRequest))
    const [first, second] = pair.backends
    expect(pair.backends).toHaveLength(2)
    expect(first!.runs('transformer')).toBe(4)
    expect(second!.runs('transformer')).toBe(4)
    expect(new Set(second!.log.filter(entry => entry.startsWith('open')))).toEqual(
      new Set(['open context', 'open transformer']),
    )
    expect([first!.residents.size, second!.residents.size]).toEqual([0, 0])
  })

  test('run a step at the same time', async () => {
    await using pair = await openTinyEngine(options)
    await collect(pair.engine.generate({ ...picture, steps: 1 }))
    // A run waits until both have begun: one after the other would wait for ever.
    let begun = 0
    let bothBegan = () => {}
    const both = new Promise<void>(resolve => (bothBegan = resolve))
    pair.backends.forEach(backend => {
      backend.onRun = async graph => {
        if (graph !== 'transformer') return
        begun += 1
        if (begun === 2) bothBegan()
        await both
      }
    })
    const events = await collect(pair.engine.generate({ ...picture, steps: 1 }))
    expect(begun).toBe(2)
    expect(events.at(-1)?.type).toBe('video-end')
  })

  test('without guidance leave the second one alone', async () => {
    await using pair = await openTinyEngine(options)
    await collect(pair.engine.generate({ ...picture, guidance: 1 }))
    expect(pair.backends[1]!.runs('transformer')).toBe(0)
  })

  test('end when one of them fails, with nothing left on either', async () => {
    await using pair = await openTinyEngine(options)
    await collect(pair.engine.generate({ ...picture, steps: 1 }))
    const [first, second] = pair.backends
    second!.onRun = graph => {
      if (graph === 'transformer') throw new TypeError('defect')
    }
    expect(await rejection(collect(pair.engine.generate(picture)))).toBeInstanceOf(TypeError)
    expect([first!.residents.size, second!.residents.size]).toEqual([0, 0])
    second!.onRun = () => {}
    expect(framesOf(await collect(pair.engine.generate(picture)))).not.toHaveLength(0)
  })

  test('stop within a step when they are told to', async () => {
    await using pair = await openTinyEngine(options)
    const controller = new AbortController()
    const run = async () => {
      for await (const event of pair.engine.generate(tinyRequest, { signal: controller.signal })) {
        if (event.type === 'step-end') controller.abort()
      }
    }
    expect(await rejection(run())).toBeInstanceOf(CancelledError)
    expect(pair.backends.map(({ residents }) => residents.size)).toEqual([0, 0])
  })

  test('are two of a kind', async () => {
    const wrong = { model: fixture('wan21-t2v/model'), device: 'cpu,cpu,cpu' }
    expect(await rejection(openTinyEngine(wrong))).toMatchObject({
      message: 'device: expected one, or two of a kind such as cuda:0,cuda:1, got cpu,cpu,cpu.',
    })
  })
})
