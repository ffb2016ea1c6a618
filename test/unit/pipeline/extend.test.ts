import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  builtInModel,
  type Engine,
  type GenerateEvent,
  type GenerateRequest,
  resolveModel,
} from '../../../src/index.ts'
import { openVideoWriter } from '../../../src/media/writer.ts'
import { openKeptEngine } from '../../kept-engine.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { collect, openTinyEngine } from '../engine/tiny-engine.ts'

const folder = scratchFolder()
const side = 64

/** A clip of a shade that changes evenly, losslessly as a folder of pictures. */
async function clip(name: string, frames: number, size = side): Promise<string> {
  const path = `${join(folder, name)}/`
  const record = { prompt: '', seed: '0', model: '', steps: 1, guidance: 1, frames, fps: 8, version: '0' }
  const writer = await openVideoWriter({
    path,
    width: size,
    height: size,
    fps: 8,
    metadata: { ...record, width: size, height: size },
  })
  const data = new Uint8Array(frames * size * size * 3)
  for (let frame = 0; frame < frames; frame++) {
    data.fill(100 + 5 * frame, frame * size * size * 3, (frame + 1) * size * size * 3)
  }
  await writer.write(data)
  await writer.finish()
  return path
}

const request = { prompt: 'a red ball', steps: 1, guidance: 1, seed: 3 } satisfies GenerateRequest

let engine: Engine
beforeAll(async () => {
  engine = await openKeptEngine({ model: await resolveModel(builtInModel) })
})
afterAll(() => engine[Symbol.asyncDispose]())

function extended(fields: Partial<GenerateRequest>): Promise<GenerateEvent[]> {
  return collect(engine.generate({ ...request, ...fields }))
}

function framesOf(events: readonly GenerateEvent[]): Uint8Array[] {
  return events.flatMap(event => {
    if (event.type !== 'frames-decoded') return []
    const bytes = event.frames.length / event.count
    return Array.from({ length: event.count }, (_, index) =>
      event.frames.subarray(index * bytes, (index + 1) * bytes),
    )
  })
}

/** Mean absolute difference in levels. */
function distance(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, index) => sum + Math.abs(value - b[index]!), 0) / a.length
}

describe('a clip that is extended', () => {
  test('keeps its frames, and goes on for as many as are asked for, in windows', async () => {
    const source = await clip('given', 9)
    const events = await extended({ extend: source, window: 17, frames: 30 })
    const frames = framesOf(events)
    expect(frames).toHaveLength(39)
    for (let frame = 0; frame < 4; frame++) {
      expect(frames[frame]!.every(value => value === 100 + 5 * frame)).toBe(true)
    }
    const steps = events.filter(event => event.type === 'step-end')
    expect(steps.map(({ step, of }) => `${step}/${of}`)).toEqual(['1/3', '2/3', '3/3'])
    const decoded = events.filter(event => event.type === 'frames-decoded')
    let next = 0
    for (const { first, count, of } of decoded) {
      expect([first, of]).toEqual([next, 39])
      next += count
    }
    expect(events.filter(event => event.type === 'start')).toHaveLength(1)
    expect(events.at(-1)).toMatchObject({ type: 'video-end', plan: { frames: 30, fps: 8, width: 64 } })
  })

  test('is the same for the same seed, and fades where windows meet', async () => {
    const source = await clip('again', 9)
    const fields = { extend: source, window: 17, frames: 20, steps: 4 }
    const [first, second] = [framesOf(await extended(fields)), framesOf(await extended(fields))]
    expect(first).toEqual(second)
    const jumps = first.slice(1).map((frame, index) => distance(first[index]!, frame))
    // Frames 8 and 20 are the last that were there before a window: what follows is no farther off than elsewhere.
    const inside = Math.max(...jumps.slice(10, 18))
    for (const seam of [8, 20]) expect(jumps[seam]).toBeLessThan(inside + 8)
  })

  test('may have another size than the video, which then is that of the request', async () => {
    const events = await extended({ extend: await clip('large', 9, 96), width: 64, height: 64, frames: 3 })
    const frames = framesOf(events)
    expect(frames).toHaveLength(12)
    expect(frames[0]).toHaveLength(64 * 64 * 3)
    expect(frames[0]!.every(value => value === 100)).toBe(true)
  })

  test('may be a single frame', async () => {
    expect(framesOf(await extended({ extend: await clip('single', 1), window: 9, frames: 8 }))).toHaveLength(
      9,
    )
  })

  test('stops when it is told to', async () => {
    const controller = new AbortController()
    let steps = 0
    const run = async () => {
      const all = { ...request, extend: await clip('stopped', 5), frames: 400, steps: 3 }
      for await (const event of engine.generate(all, { signal: controller.signal })) {
        if (event.type === 'step-end' && ++steps === 4) controller.abort()
      }
    }
    expect(await failure(run())).toMatchObject({ code: 'cancelled' })
    expect(steps).toBe(4)
  })
})

describe('an extension is refused', () => {
  test.each<[Partial<GenerateRequest>, string]>([
    [{ window: 10 }, 'window: expected 4k + 1 frames for this model, got 10. Use 9 or 13.'],
    [{ overlap: 4 }, 'overlap: expected 4k + 1 frames for this model, got 4. Use 1 or 5.'],
    [{ overlap: 17, window: 17 }, 'overlap: expected less than the window of 17 frames, got 17.'],
    [{ image: 'a.png' }, 'image: expected no extend beside it'],
  ])('with %j', async (fields, message) => {
    const source = await clip(`refused-${message.length}`, 5)
    expect((await failure(extended({ extend: source, ...fields }))).message).toContain(message)
  })

  test('without a clip to extend', async () => {
    expect(await failure(extended({ window: 9 }))).toMatchObject({
      message: 'window: expected extend beside it, got none.',
    })
    expect(await failure(extended({ extend: join(folder, 'none.mp4') }))).toMatchObject({
      code: 'media/input',
    })
  })

  test('by a model that cannot begin with frames, which says what it can do', async () => {
    await using tiny = await openTinyEngine()
    const run = collect(tiny.engine.generate({ ...request, extend: await clip('unable', 5) }))
    expect(await failure(run)).toMatchObject({ code: 'request/unsupported' })
  })
})
