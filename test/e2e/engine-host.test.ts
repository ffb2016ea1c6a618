/** Real processes with a real model: the host is the compiled one, as it is forked by its compiled name. */
import { access, cp, mkdir, readFile, rename, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { EngineHost, type HostEvent } from '../../src/host/engine-host.ts'
import type { HostProgress, RunEnd, RunSpec } from '../../src/host/protocol.ts'
import { runInChild } from '../child.ts'
import { fixture } from '../fixtures.ts'
import { failure, scratchFolder } from '../scratch.ts'

const folder = scratchFolder()
const model = fixture('wan21-t2v/model')
const events: HostEvent[] = []
const host = new EngineHost({
  engine: { device: 'cpu', threads: 1 },
  graceMs: 10_000,
  pingMs: 1000,
  onEvent: event => events.push(event),
})
afterAll(() => host[Symbol.asyncDispose]())

/** Steps of tens of milliseconds, so that there is a middle to stop in. */
function spec(name: string, fields: Partial<RunSpec> = {}): RunSpec {
  const at = (file: string) => join(folder, name, file)
  return {
    model,
    generate: {
      prompt: 'a cat',
      width: 64,
      height: 64,
      frames: 9,
      steps: 12,
      guidance: 5,
      maxTextTokens: 16,
      seed: '18446744073709551615',
    },
    adapters: [],
    video: at('video.mp4'),
    thumbnail: at('thumbnail.jpg'),
    spritesheet: at('spritesheet.png'),
    checkpoint: { path: at('state.safetensors'), everySeconds: 0 },
    preview: { everySteps: 4, folder: at('previews') },
    ...fields,
  }
}

interface Watched {
  readonly seen: readonly HostProgress[]
  readonly end: Promise<RunEnd>
  /** Once a step has ended. */
  reached(step: number): Promise<void>
  readonly abort: AbortController
}

function start(what: RunSpec): Watched {
  const seen: HostProgress[] = []
  const waiting: { step: number; resolve: () => void }[] = []
  const abort = new AbortController()
  const end = host.run(what, {
    signal: abort.signal,
    onProgress: progress => {
      seen.push(progress)
      for (const each of waiting) if (progress.step >= each.step) each.resolve()
    },
  })
  const reached = async (step: number) => {
    const there = new Promise<void>(resolve => waiting.push({ step, resolve }))
    await Promise.race([there, end.then(() => Promise.reject(new Error('the run ended before')))])
  }
  return { seen, end, reached, abort }
}

const jpeg = Buffer.from([0xff, 0xd8, 0xff])

describe('an engine host', () => {
  test('makes a video, its pictures and previews, and says how far it is', async () => {
    const run = start(spec('whole'))
    const end = await run.end
    expect(host).toMatchObject({ engineDevice: 'cpu', modelHits: 0, modelMisses: 1 })
    expect(end).toMatchObject({
      type: 'done',
      result: { width: 64, height: 64, frames: 9, seed: '18446744073709551615', resumedAt: 0 },
    })
    const steps = run.seen.map(({ step }) => step)
    expect(steps).toEqual([...steps].sort((a, b) => a - b))
    const fractions = run.seen.map(({ fraction }) => fraction)
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
    expect(fractions.at(-1)).toBe(1)
    expect(run.seen.find(({ step }) => step === 6)?.secondsLeft).toBeGreaterThan(0)
    const file = async (name: string) => await readFile(join(folder, 'whole', name))
    expect((await file('video.mp4')).toString('latin1', 4, 8)).toBe('ftyp')
    for (const name of ['thumbnail.jpg', 'previews/4.jpg', 'previews/8.jpg']) {
      expect((await file(name)).subarray(0, 3)).toEqual(jpeg)
    }
    expect((await file('spritesheet.png')).toString('latin1', 1, 4)).toBe('PNG')
  })

  test('does not hold up the process that it works for', async () => {
    const delay = monitorEventLoopDelay({ resolution: 5 })
    const run = start(spec('loop', { generate: { ...spec('loop').generate, width: 640, height: 640 } }))
    await run.reached(1)
    delay.enable()
    await run.reached(4)
    delay.disable()
    run.abort.abort()
    await run.end
    const stepMs = 1000 * Math.min(...run.seen.flatMap(({ stepSeconds }) => stepSeconds ?? []))
    expect(stepMs).toBeGreaterThan(100)
    expect(delay.percentile(50) / 1e6).toBeLessThan(stepMs / 2)
  })

  test('stops at the next step, and leaves no video', async () => {
    const run = start(spec('stopped'))
    await run.reached(3)
    const before = run.seen.at(-1)!.step
    run.abort.abort('cancelled')
    expect(await run.end).toEqual({ type: 'stopped' })
    expect(run.seen.at(-1)!.step).toBeLessThanOrEqual(before + 2)
    await expect(readFile(spec('stopped').video)).rejects.toThrow('ENOENT')
  })

  test('refuses a request that its model cannot do, with the code and message of the engine', async () => {
    const end = await start(spec('refused', { generate: { prompt: 'a cat', frames: 6 } })).end
    expect(end).toMatchObject({ type: 'failed', failure: { code: 'request/size' } })
  })
})

describe('a host that is killed in the middle', () => {
  test('fails its run alone; the next one goes on from the checkpoint to the same video', async () => {
    const run = start(spec('killed'))
    await run.reached(6)
    // It is written beside the steps, and may come later than they.
    await vi.waitFor(() => access(join(folder, 'killed', 'state.safetensors')), {
      interval: 1,
      timeout: 5000,
    })
    const pid = host.pid!
    process.kill(pid, 'SIGKILL')
    const { code, message } = await failure(run.end)
    expect(code).toBe('host/crashed')
    expect(message).toMatch(/^engine host of cpu: expected a process that runs, got SIGKILL/)
    const again = start(spec('killed'))
    const end = await again.end
    if (end.type !== 'done') throw new Error(JSON.stringify(end))
    expect(host.pid).not.toBe(pid)
    expect(end.result.resumedAt).toBeGreaterThanOrEqual(1)
    expect(again.seen.filter(({ stepSeconds }) => stepSeconds)).toHaveLength(12 - end.result.resumedAt)
    await sameVideo('killed')
  })
})

describe('a model whose files change under a host', () => {
  const weights = join(folder, 'changing/transformer/diffusion_pytorch_model.safetensors')
  const ofCopy = (name: string) => spec(name, { model: join(folder, 'changing') })

  test('is opened anew for the next run when a file was replaced', async () => {
    await cp(model, join(folder, 'changing'), { recursive: true, dereference: true })
    expect((await start(ofCopy('before')).end).type).toBe('done')
    const { modelMisses } = host
    await cp(weights, `${weights}.new`)
    await rename(`${weights}.new`, weights)
    expect((await start(ofCopy('after')).end).type).toBe('done')
    expect(host.modelMisses).toBe(modelMisses + 1)
    expect((await readFile(ofCopy('after').video)).equals(await readFile(ofCopy('before').video))).toBe(true)
  })

  test('is named when the process ends for it', async () => {
    const run = start(ofCopy('cut'))
    await run.reached(2)
    // The host is held, so that it does not see the change itself.
    process.kill(host.pid!, 'SIGSTOP')
    await truncate(weights, 1000)
    process.kill(host.pid!, 'SIGBUS')
    process.kill(host.pid!, 'SIGCONT')
    const { code, message } = await failure(run.end)
    expect(code).toBe('host/crashed')
    expect(message).toMatch(
      new RegExp(`got SIGBUS: ${weights} was changed while it was in use: 1000 bytes instead of \\d+\\.`),
    )
  })

  test('fails its runs as long as a file is cut', async () => {
    const end = await start(ofCopy('still cut')).end
    expect(end).toMatchObject({ type: 'failed', failure: { code: 'checkpoint/corrupt' } })
  })
})

describe('a host that hangs', () => {
  test('is killed when it no longer answers, and started again', async () => {
    const run = start(spec('hung'))
    await run.reached(2)
    process.kill(host.pid!, 'SIGSTOP')
    expect((await failure(run.end)).code).toBe('host/crashed')
    expect(events).toContainEqual({ type: 'killed', reason: 'it did not answer' })
    expect((await start(spec('hung')).end).type).toBe('done')
    await sameVideo('hung')
  })

  test('is killed when it does not stop in time', async () => {
    const impatient = new EngineHost({ engine: { device: 'cpu', threads: 1 }, graceMs: 200, pingMs: 60_000 })
    const abort = new AbortController()
    const reached = new Promise<void>(resolve => {
      const end = impatient.run(spec('stubborn'), { signal: abort.signal, onProgress: () => resolve() })
      end.then(ended => expect(ended).toEqual({ type: 'stopped' }))
    })
    await reached
    const pid = impatient.pid!
    process.kill(pid, 'SIGSTOP')
    abort.abort('cancelled')
    await gone(pid)
    await impatient[Symbol.asyncDispose]()
  })
})

test('a drained run leaves a checkpoint of its last step, to go on from', async () => {
  const slow = { checkpoint: { ...spec('drained').checkpoint, everySeconds: 1e6 } }
  const run = start(spec('drained', slow))
  await run.reached(5)
  run.abort.abort('drain')
  expect(await run.end).toEqual({ type: 'stopped' })
  const end = await start(spec('drained', slow)).end
  if (end.type !== 'done') throw new Error(JSON.stringify(end))
  expect(end.result.resumedAt).toBeGreaterThanOrEqual(5)
  await sameVideo('drained')
})

test('a run with an adapter goes on with it, and not from the checkpoint of another strength', async () => {
  const adapted = (name: string, scale: number) => {
    const adapter = { name: 'sketch', path: fixture('lora/peft.safetensors'), scale }
    const checkpoint = { path: spec('adapted').checkpoint.path, everySeconds: 1e6 }
    return spec(name, { adapters: [adapter], checkpoint })
  }
  const run = start(adapted('adapted', 0.5))
  await run.reached(5)
  run.abort.abort('drain')
  expect(await run.end).toEqual({ type: 'stopped' })
  const other = await start(adapted('stronger', 1)).end
  expect(other).toMatchObject({ type: 'done', result: { resumedAt: 0 } })
  const end = await start(adapted('adapted', 0.5)).end
  if (end.type !== 'done') throw new Error(JSON.stringify(end))
  expect(end.result.resumedAt).toBeGreaterThanOrEqual(5)
  expect((await start(adapted('at once', 0.5)).end).type).toBe('done')
  const videos = ['adapted', 'at once', 'stronger', 'whole'].map(name => readFile(spec(name).video))
  const [resumed, atOnce, stronger, plain] = await Promise.all(videos)
  expect(resumed!.equals(atOnce!)).toBe(true)
  expect(resumed!.equals(stronger!)).toBe(false)
  expect(resumed!.equals(plain!)).toBe(false)
})

test('the checkpoint of another request is left out, and that is said', async () => {
  await mkdir(join(folder, 'other'), { recursive: true })
  const path = spec('drained').checkpoint.path
  const other = { ...spec('other').generate, seed: '2', steps: 2 }
  const end = await start(spec('other', { generate: other, checkpoint: { path, everySeconds: 1e6 } })).end
  expect(end).toMatchObject({ type: 'done', result: { resumedAt: 0 } })
  expect(events.some(each => each.type === 'note' && each.text.includes('that of another'))).toBe(true)
})

test('a host ends when its supervisor is killed', async () => {
  const pid = await runInChild<number>(`
    import { EngineHost } from './dist/src/host/engine-host.js'
    const host = new EngineHost({ engine: { device: 'cpu', threads: 1 } })
    const spec = ${JSON.stringify(spec('orphan', { generate: { ...spec('orphan').generate, steps: 1000 } }))}
    await new Promise(resolve => host.run(spec, { signal: new AbortController().signal, onProgress: resolve }))
    process.stdout.write(String(host.pid), () => process.kill(process.pid, 'SIGKILL'))
  `).catch((error: { stdout?: string }) => Number(error.stdout))
  expect(pid).toBeGreaterThan(1)
  await gone(pid)
})

async function sameVideo(name: string): Promise<void> {
  const [whole, other] = [await readFile(spec('whole').video), await readFile(spec(name).video)]
  expect(other.equals(whole)).toBe(true)
}

/** Until there is no such process; fails after ten seconds. */
async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await wait(100)
  }
  throw new Error(`process ${pid} is still there`)
}
