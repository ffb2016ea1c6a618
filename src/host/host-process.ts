/**
 * The engine host: a process of its own that holds the model of one device and makes one video at a time, for the
 * server or worker that forked it. Started with the device and the engine's options as JSON in its only argument.
 */
import { constants, setPriority } from 'node:os'
import { openDevices } from '../api/devices.ts'
import { createEngine } from '../api/engine.ts'
import { endWithParent } from '../end-with-parent.ts'
import type { Engine, EngineOptions } from '../engine/engine.ts'
import { filesFor } from '../engine/model-files.ts'
import { resolveModel } from '../engine/model-name.ts'
import { CancelledError, FramewrightError } from '../errors.ts'
import type { FileStamp } from '../weights/file-stamp.ts'
import { mappedFiles } from '../weights/mapped-files.ts'
import { makeVideo } from './make-video.ts'
import type { HostCommand, HostReply, RunEnd, RunSpec } from './protocol.ts'
import { RunCheckpoint } from './run-checkpoint.ts'

export type HostEngineOptions = Omit<EngineOptions, 'model' | 'adapters' | 'lanes'>

interface ActiveRun {
  readonly id: string
  readonly stop: AbortController
  save: boolean
}

/** For the engine to be disposed in. */
const closeMs = 1000

const options = JSON.parse(process.argv[2] ?? '{}') as HostEngineOptions
/** `of` is what the engine was made of. */
let loaded: { readonly of: string; readonly engine: Engine } | undefined
let active: ActiveRun | undefined
let queue: Promise<void> = Promise.resolve()
const closing = new AbortController()

// A video on a CPU takes all of its cores: whoever asks the server for something goes first. Threads inherit it.
if (!options.device?.startsWith('cuda')) setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
// Whoever stops the server says so over the channel; signals for the whole process group are not for us.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
endWithParent()
process.on('message', (message: HostCommand) => take(message))
mappedFiles.subscribe(file => reply({ type: 'mapped', file: file as FileStamp }))
try {
  await openDevices(options.device ?? 'auto')
  reply({ type: 'ready' })
} catch (error) {
  const failure = { code: 'runtime/provider', message: (error as Error).message }
  process.send?.({ type: 'unusable', failure } satisfies HostReply, () => process.exit(1))
}

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
      closing.abort()
      queue = queue.then(close)
  }
}

async function run(id: string, spec: RunSpec): Promise<void> {
  const current = active!
  const note = (text: string) => reply({ type: 'note', id, text })
  const checkpoint = new RunCheckpoint(spec)
  let reusedModel = false
  const make = async () => {
    const { engine, reused } = await engineFor(spec)
    reusedModel = reused
    reply({ type: 'model', id, device: engine.device, reused })
    return await makeVideo(spec, {
      engine,
      checkpoint,
      note,
      signal: current.stop.signal,
      report: progress => reply({ type: 'progress', id, progress }),
    })
  }
  const first = await outcome(make)
  // A new version of the files of a model that was loaded for a run before is opened as it is now.
  const end = reusedModel && isChanged(first) ? await outcome(make) : first
  if (end.type === 'stopped' && current.save) {
    await checkpoint.flush().catch(error => note(`The checkpoint was not saved: ${(error as Error).message}`))
  } else if (end.type === 'stopped') {
    // The next run needs the device. A graph that never ends is the supervisor's to notice.
    await Promise.race([loaded?.engine.settled(), once(closing.signal)])
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
    if (code === 'checkpoint/changed') await unload()
    return { type: 'failed', failure: { code, message: (error as Error).message } }
  }
}

/** One model at a time, with its adapters: the memory of a device is not for two. */
async function engineFor({ model, adapters: named }: RunSpec): Promise<{ engine: Engine; reused: boolean }> {
  const adapters = named.map(({ name: _, ...adapter }) => adapter)
  const of = JSON.stringify([model, adapters])
  if (loaded?.of === of) return { engine: loaded.engine, reused: true }
  await unload()
  const location = await resolveModel(model)
  const files = filesFor(location, options.files)
  const engine = await createEngine({ ...options, model: location, files, adapters })
  loaded = { of, engine }
  return { engine, reused: false }
}

function isChanged(end: RunEnd): boolean {
  return end.type === 'failed' && end.failure.code === 'checkpoint/changed'
}

/** The next run opens its model anew. */
async function unload(): Promise<void> {
  await loaded?.engine[Symbol.asyncDispose]()
  loaded = undefined
}

/** A graph that still runs cannot be ended without its process, and would hold up an exit. */
async function close(): Promise<void> {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), closeMs).unref()
  await loaded?.engine[Symbol.asyncDispose]()
  process.exit(0)
}

async function once(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function reply(message: HostReply): void {
  process.send?.(message)
}
