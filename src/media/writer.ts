import { setImmediate } from 'node:timers/promises'
import { CancelledError, invalidRequest } from '../errors.ts'
import type { WrittenCodec } from './bitstream/colour-tags.ts'
import type { ClipFormat, FrameSink } from './frame-sink.ts'
import { checkOutput, type OutputFormat, outputError, UnfinishedOutput } from './output-path.ts'
import type { Sound } from './sound/sound.ts'
import { type FrameTransform, upscaler } from './upscale.ts'
import { checkOptions, clipFormat, codecOf, type WriterOptions } from './writer-options.ts'

export type { WriterOptions } from './writer-options.ts'

export interface WrittenVideo {
  /** The final name, as it was given. */
  readonly path: string
  /** Size of the file, or of all pictures of a folder. */
  readonly bytes: number
  readonly frames: number
}

/** Writes a clip under a temporary name, which becomes the final one when the clip is whole. */
export interface VideoWriter extends AsyncDisposable {
  /**
   * Adds frames, [n, height, width, 3] RGB, n ≥ 0. It settles when the encoder can take more: wait for it, and
   * memory stays flat. The array may be reused afterwards. A failure discards the clip.
   *
   * @throws MediaError when the disk is full and the like; CancelledError after an abort
   */
  write(frames: Uint8Array): Promise<void>
  /**
   * Adds sound in the format of the options, after what was added before; the first sample belongs to the first frame. It
   * may come before its frames, and is stored beside them. Formats without sound leave it out.
   */
  writeSound(sound: Sound): Promise<void>
  /** Completes the clip and gives it its name. */
  finish(): Promise<WrittenVideo>
  /** Stops, and removes everything that was written. Does nothing after finish(). */
  abort(): Promise<void>
}

/**
 * Opens a clip for writing. The same frames with the same options give the same bytes.
 *
 * @throws MediaError when the path cannot be written to; RequestError when an option is out of range
 */
export async function openVideoWriter(options: WriterOptions): Promise<VideoWriter> {
  checkOptions(options)
  const transform = upscaler(options.upscale, options.width, options.height)
  if (options.signal?.aborted) throw new CancelledError({ cause: options.signal.reason })
  const format = await checkOutput(options.path)
  const codec = codecOf(format, options)
  const output = new UnfinishedOutput(options.path)
  try {
    const sink = await openSink(output.path, format, codec, clipFormat(options))
    return new ClipWriter(options, output, sink, transform)
  } catch (error) {
    await output.discard().catch(() => undefined)
    throw outputError(options.path, error)
  }
}

class ClipWriter implements VideoWriter {
  readonly #options: WriterOptions
  readonly #output: UnfinishedOutput
  readonly #sink: FrameSink
  readonly #transform: FrameTransform
  /** The next call hears of the abort, also where nothing can be removed. */
  readonly #onAbort = () => void this.abort().catch(() => undefined)
  #frames = 0
  /** Everything that was asked for so far; calls run one after the other. */
  #work: Promise<unknown> = Promise.resolve()
  #ended: 'finished' | 'discarded' | undefined
  #failure: unknown

  constructor(options: WriterOptions, output: UnfinishedOutput, sink: FrameSink, transform: FrameTransform) {
    this.#options = options
    this.#output = output
    this.#sink = sink
    this.#transform = transform
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  write(frames: Uint8Array): Promise<void> {
    return this.#next(async () => {
      const { width, height } = this.#options
      const frameBytes = width * height * 3
      if (frames.length % frameBytes !== 0) {
        const expected = `a multiple of ${frameBytes} bytes for frames of ${width}x${height}`
        throw invalidRequest('frames', expected, frames.length)
      }
      for (let at = 0; at < frames.length; at += frameBytes) {
        await setImmediate() // Converting a frame takes milliseconds; let others run in between.
        this.#check()
        await this.#sink.write(await this.#transform(frames.subarray(at, at + frameBytes)))
        this.#frames++
      }
    })
  }

  writeSound(sound: Sound): Promise<void> {
    return this.#next(async () => {
      const { rate, channels } = this.#options.sound ?? { rate: 0, channels: 0 }
      if (rate !== sound.rate || channels !== sound.channels) {
        throw invalidRequest(
          'sound',
          rate === 0 ? 'none: the clip was opened without' : `${channels} channels of ${rate} Hz`,
          `${sound.channels} channels of ${sound.rate} Hz`,
        )
      }
      await this.#sink.writeSound?.(sound)
    })
  }

  finish(): Promise<WrittenVideo> {
    return this.#next(async () => {
      if (this.#frames === 0) {
        throw invalidRequest('frames', 'at least one', 'none')
      }
      const bytes = await this.#sink.finish()
      this.#check()
      await this.#output.publish()
      this.#end('finished')
      return { path: this.#options.path, bytes, frames: this.#frames }
    })
  }

  async abort(): Promise<void> {
    this.#failure ??= new CancelledError({ cause: this.#options.signal?.reason })
    await this.#work.catch(() => undefined)
    await this.#discard()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.abort()
  }

  #next<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#work.then(async () => {
      try {
        this.#check()
        return await step()
      } catch (error) {
        this.#failure ??= outputError(this.#options.path, error)
        await this.#discard().catch(() => undefined)
        throw this.#failure
      }
    })
    this.#work = result.catch(() => undefined)
    return result
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#ended !== undefined) throw new Error('the clip was finished before')
  }

  async #discard(): Promise<void> {
    if (this.#ended !== undefined) return
    this.#end('discarded')
    // What made the clip fail is what the caller hears, not that stopping failed too.
    await this.#sink.abort().catch(() => undefined)
    await this.#output.discard()
  }

  #end(how: 'finished' | 'discarded'): void {
    this.#ended = how
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
  }
}

async function openSink(
  path: string,
  format: OutputFormat,
  codec: WrittenCodec,
  clip: ClipFormat,
): Promise<FrameSink> {
  if (format === '.mp4' || format === '.webm') {
    return (await import('./muxed-clip.ts')).openMuxedClip(path, format, codec, clip)
  }
  if (format === 'folder/') return (await import('./picture-folder.ts')).openPictureFolder(path, clip)
  return (await import('./animation.ts')).openAnimation(path, format, clip)
}
