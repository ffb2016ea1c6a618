/**
 * The engine host: a process of its own that holds the model of one device and makes one video at a time, for the
 * server or worker that forked it. Started with the device and the engine's options as JSON in its only argument.
 */
import {
  CancelledError,
  createEngine,
  type Engine,
  type EngineOptions,
  FramewrightError,
  resolveModel,
} from '../index.ts'
import { makeVideo } from './make-video.ts'
import type { HostCommand, HostReply, RunEnd, RunSpec } from './protocol.ts'
import { RunCheckpoint } from './run-checkpoint.ts'

export type HostEngineOptions = Omit<EngineOptions, 'model' | 'lanes'>

interface ActiveRun {
  readonly id: string
  readonly stop: AbortController
  save: boolean
}

const options = JSON.parse(process.argv[2] ?? '{}') as HostEngineOptions
let loaded: { readonly model: string; readonly engine: Engine } | undefined
let active: ActiveRun | undefined
let queue: Promise<void> = Promise.resolve()

// Whoever stops the server says so over the channel; signals for the whole process group are not for us.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
// Without a supervisor there is nobody to work for. A native run cannot be ended in any other way.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.on('message', (message: HostCommand) => take(message))
reply({ type: 'ready' })

function take(command: HostCommand): void {
  switch (command.type) {
    case 'ping':
      reply({ type: 'pong', number: command.number, residentBytes: process.memoryUsage.rss() })
      return
    case 'run':
      active = { id: command.id, stop: new AbortController(), save: false }
      queue = queue.then(() => run(command.id, command.spec))
      return
    case 'stop':
      if (active?.id !== command.id) return
      active.save = command.save
      active.stop.abort()
      return
    case 'close':
      active?.stop.abort()
      queue = queue.then(close)
  }
}

async function run(id: string, spec: RunSpec): Promise<void> {
  const current = active!
  const note = (text: string) => reply({ type: 'note', id, text })
  const checkpoint = new RunCheckpoint(spec)
  const end = await outcome(async () => {
    const reused = loaded?.model === spec.model
    const engine = await engineFor(spec.model)
    reply({ type: 'model', id, device: engine.device, reused })
    return await makeVideo(spec, {
      engine,
      checkpoint,
      note,
      signal: current.stop.signal,
      report: progress => reply({ type: 'progress', id, progress }),
    })
  })
  if (end.type === 'stopped' && current.save) {
    await checkpoint.flush().catch(error => note(`The checkpoint was not saved: ${(error as Error).message}`))
  }
  await checkpoint.settle()
  active = undefined
  reply({ type: 'end', id, end })
}

async function outcome(make: () => Promise<Extract<RunEnd, { type: 'done' }>['result']>): Promise<RunEnd> {
  try {
    return { type: 'done', result: await make() }
  } catch (error) {
    if (error instanceof CancelledError) return { type: 'stopped' }
    const code = FramewrightError.is(error) ? error.code : 'internal'
    return { type: 'failed', failure: { code, message: (error as Error).message } }
  }
}

/** One model at a time: the memory of a device is not for two. */
async function engineFor(model: string): Promise<Engine> {
  if (loaded?.model === model) return loaded.engine
  await loaded?.engine[Symbol.asyncDispose]()
  loaded = undefined
  const engine = await createEngine({ ...options, model: await resolveModel(model) })
  loaded = { model, engine }
  return engine
}

async function close(): Promise<void> {
  await loaded?.engine[Symbol.asyncDispose]()
  process.exit(0)
}

function reply(message: HostReply): void {
  process.send?.(message)
}
