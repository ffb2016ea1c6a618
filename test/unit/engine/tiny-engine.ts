import { families } from '../../../models/index.ts'
import type { Engine, EngineOptions } from '../../../src/engine/engine.ts'
import { openEngine } from '../../../src/engine/open-engine.ts'
import type { GenerateEvent } from '../../../src/pipeline/events.ts'
import type { GenerateRequest } from '../../../src/pipeline/request.ts'
import { fixture } from '../../fixtures.ts'
import { RecordedBackend } from './recorded-backend.ts'

/** The smallest clip of the smallest model: a few milliseconds a step. */
export const tinyRequest = {
  prompt: 'a cat',
  width: 16,
  height: 16,
  frames: 5,
  steps: 4,
  guidance: 5,
  maxTextTokens: 16,
  seed: 1,
} satisfies GenerateRequest

export interface TinyEngine extends AsyncDisposable {
  readonly engine: Engine
  /** One for each lane that was made. */
  readonly backends: RecordedBackend[]
}

/**
 * An engine over a real model with small random weights.
 * @param onBackend called with the backend of every lane before it is used
 */
export async function openTinyEngine(
  options: Partial<EngineOptions> = {},
  onBackend: (backend: RecordedBackend) => void = () => {},
): Promise<TinyEngine> {
  const backends: RecordedBackend[] = []
  const engine = await openEngine(
    { model: fixture('wan21-t2v/model'), device: 'cpu', threads: 1, ...options },
    {
      families,
      createBackend: lane => {
        const backend = new RecordedBackend(lane)
        onBackend(backend)
        backends.push(backend)
        return backend
      },
    },
  )
  return { engine, backends, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() }
}

export async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const all: GenerateEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

/** The latents after the last step of a request with `tensors`; nothing is decoded. */
export async function finalLatents(events: AsyncIterable<GenerateEvent>): Promise<Float32Array> {
  for await (const event of events) {
    if (event.type === 'step-end' && event.step === event.of)
      return event.tensors!.latents.data as Float32Array
  }
  throw new Error('latents: expected a last step, got none')
}

/** The pixels of a clip. */
export function framesOf(events: readonly GenerateEvent[]): Buffer {
  return Buffer.concat(events.flatMap(event => (event.type === 'frames-decoded' ? [event.frames] : [])))
}
