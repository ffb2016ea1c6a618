import { roundedTimes } from '../media/animation.ts'
import { holdsSound, outputFormat } from '../media/output-path.ts'
import { openVideoWriter, type VideoWriter, type WriterOptions } from '../media/writer.ts'
import type { GenerateEvent, NoticeEvent, StartEvent } from '../pipeline/events.ts'
import type { GenerateRequest } from '../pipeline/request.ts'
import { frameSize } from '../pipeline/upsample.ts'
import type { AdapterOptions } from './adapters.ts'
import type { Engine, GenerateOptions } from './engine.ts'
import { recordOf } from './generation-record.ts'

export interface OutputOptions {
  /** File to write: .mp4, .webm, .gif, .webp, or a folder of PNGs when it ends in `/`. */
  readonly path: string
  /** What is put into the file's metadata beside the request: the model's name and the program's version. */
  readonly model: string
  readonly version: string
  /** How the metadata names the adapters. @default by the engine's own paths */
  readonly adapters?: readonly AdapterOptions[]
  /** How the metadata names a picture or clip of the request, by its path. @default its path */
  readonly fileName?: ((path: string) => string) | undefined
  readonly codec?: WriterOptions['codec']
  readonly upscale?: WriterOptions['upscale']
}

/** The last event of a video that is written to a file. */
export interface VideoWrittenEvent {
  readonly type: 'video-written'
  readonly path: string
  readonly bytes: number
  readonly frames: number
}

export type RenderEvent = GenerateEvent | VideoWrittenEvent

/**
 * Makes a video and writes it, frames being encoded while the next are decoded. The file appears under its name
 * when it is whole; when the run ends early nothing of it is left.
 * @throws what `engine.generate` throws, and MediaError when the file cannot be written
 */
export async function* renderVideo(
  engine: Engine,
  request: GenerateRequest,
  output: OutputOptions,
  options: GenerateOptions = {},
): AsyncGenerator<RenderEvent, void, undefined> {
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  let opening: Promise<VideoWriter> | undefined
  let writing: Promise<void> = Promise.resolve()
  let done = false
  try {
    for await (const event of engine.generate(request, { ...options, signal })) {
      const writer = await opening
      if (event.type === 'start') {
        // Its libraries load while the prompt is encoded. A file that cannot be written ends the run at once.
        opening = openVideoWriter(writerOptions(event, engine, output, options.signal))
        opening.catch((error: unknown) => stop.abort(error))
      }
      if (event.type === 'audio-ready') await writer!.writeSound(event)
      if (event.type === 'frames-decoded') {
        await writing
        writing = writer!.write(event.frames)
        writing.catch(() => {}) // reported when it is awaited
      }
      if (event.type === 'video-end') await writing
      yield event
      if (event.type === 'start') yield* formatNotices(output.path, event)
    }
    const { path, bytes, frames } = await (await opening!).finish()
    done = true
    yield { type: 'video-written', path, bytes, frames }
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error
  } finally {
    if (!done) {
      await writing.catch(() => {})
      const writer = await opening?.catch(() => undefined)
      await writer?.abort()
    }
  }
}

/** What the format of a file cannot hold. */
function* formatNotices(
  path: string,
  { plan: { fps }, sound }: StartEvent,
): Generator<NoticeEvent, void, undefined> {
  const format = outputFormat(path)
  if (sound && !holdsSound(format)) {
    const message = `${format}: the sound is left out, for the format has none; .mp4, .webm and a folder/ hold it.`
    yield { type: 'notice', code: 'output/silent', message }
  }
  const times = roundedTimes(format, fps)
  if (times === undefined) return
  const shown = `${times.join(' or ')} ms each, as the format has no steps between; the mean is right`
  yield {
    type: 'notice',
    code: 'output/rounded',
    message: `${format}: frames of ${fps} fps are shown for ${shown}.`,
  }
}

function writerOptions(
  { plan, sound }: StartEvent,
  { adapters, fields, precision }: Engine,
  output: OutputOptions,
  signal: AbortSignal | undefined,
): WriterOptions {
  return {
    path: output.path,
    ...frameSize(plan),
    fps: plan.fps,
    metadata: recordOf(plan, fields, { adapters, precision, ...output }),
    ...(sound && { sound, soundFile: sound.path }),
    ...(signal && { signal }),
    ...(output.codec && { codec: output.codec }),
    ...(output.upscale && { upscale: output.upscale }),
  }
}
