/**
 * Clips of any length: windows, each of which begins with the last frames of what was there before. What is kept of
 * the clip does not grow with its length: the overlap.
 */
import { checkAborted, RequestError } from '../errors.ts'
import { framesFor, pixelFramesOf, wholeLatents } from '../geometry/video-geometry.ts'
import type { Picture } from '../media/read-picture.ts'
import { readVideo } from '../media/read-video.ts'
import { resample } from '../media/resample.ts'
import { Notices } from '../notices.ts'
import { noticeFit } from './clip-notices.ts'
import { copiedSound, readableSound, soundSource } from './clip-sound.ts'
import type { FramesDecodedEvent, GenerateEvent, StageSeconds, VideoEndEvent } from './events.ts'
import type { ExtendPlan } from './extend-plan.ts'
import { SoundTail, soundUnder } from './extend-sound.ts'
import type { Model, ModelFacts } from './family.ts'
import { generate, noticeEvents, type RunContext, startEvent } from './generate.ts'
import type { GraphRunner } from './graph-runner.ts'
import type { GeneratePlan } from './request.ts'
import { inShape } from './visual.ts'

/**
 * Gives the frames of a clip, at the rate of the video, and then those of its continuation, window by window. Where windows overlap, a frame
 * fades from the old to the new: the new ones have been through the autoencoder once more. (Latents of two windows
 * cannot be mixed: a causal autoencoder's first latent frame is one frame, and every later one several.)
 * The seed of each window is one more than that of the window before.
 * @throws what `generate` throws, and MediaError for a clip that cannot be read
 */
export async function* extend(
  model: Model,
  plan: GeneratePlan,
  runner: GraphRunner,
  signal: AbortSignal,
  { previewEvery, resume, notices = new Notices(), adaptedExperts = [] }: RunContext = {},
): AsyncGenerator<GenerateEvent, void, undefined> {
  if (resume) throw notResumable()
  const { geometry } = model.facts
  const { path, overlap } = plan.extend!
  const source = await readVideo(path, { fps: plan.fps, signal })
  const { width, height, frameCount: given } = source
  const opening = pixelFramesOf(geometry, wholeLatents(geometry, Math.min(overlap, given)))
  const windows = windowsOf(model.facts, plan, plan.extend!, opening)
  const tail = new Tail(plan, opening, given + plan.frames)

  const sound = await soundSource(model, plan, notices.add)
  const seconds = (frames: number) => frames / plan.fps
  const total = seconds(given + plan.frames)
  yield startEvent(plan, runner, sound)
  noticeFit(path, source, plan, notices.add)
  const copied = sound?.path
  if (copied !== undefined) {
    const length = copied === path ? seconds(given) : total
    yield await copiedSound(copied, plan, length, signal, notices.add)
  }
  const soundTail = sound && copied === undefined ? new SoundTail(sound, seconds(opening), total) : undefined
  if (sound && soundTail) {
    const own = (await readableSound(path, notices.add)) && path
    yield* soundTail.begin(await soundUnder(own, seconds(given), sound, signal))
  }
  yield* noticeEvents(notices)
  for await (const data of source.frames) {
    checkAborted(signal)
    yield* tail.push(resample(inShape({ width, height, data }, plan), plan, 'lanczos').data)
  }

  const ends: VideoEndEvent[] = []
  for (const [index, length] of windows.entries()) {
    const window = { ...windowPlan(plan, length, index), audio: soundTail !== undefined }
    const isLast = index === windows.length - 1
    const settings = {
      opening: tail.pictures(),
      notices,
      adaptedExperts,
      ...(previewEvery !== undefined && { previewEvery }),
    }
    const done = index * plan.steps
    for await (const event of generate(model, window, runner, signal, settings)) {
      if (event.type === 'conditioning-ready' && index === 0) yield event
      if (event.type === 'memory-plan' || event.type === 'notice') yield event
      if (event.type === 'step-end' || event.type === 'preview') {
        yield { ...event, step: done + event.step, of: windows.length * plan.steps }
      }
      if (event.type === 'audio-ready') yield* soundTail!.follow(event, isLast ? undefined : seconds(length))
      if (event.type === 'frames-decoded') yield* tail.follow(event)
      if (event.type === 'video-end') ends.push(event)
    }
    tail.endWindow()
  }
  if (soundTail) yield* soundTail.flush()
  yield* tail.flush()
  yield { ...ends.at(-1)!, plan, ...totalsOf(ends) }
}

/** The lengths of the windows: all but the last are whole. */
function windowsOf(
  { geometry }: ModelFacts,
  { frames }: GeneratePlan,
  { window }: ExtendPlan,
  opening: number,
): number[] {
  const lengths: number[] = []
  for (let left = frames; left > 0; left -= window - opening) {
    lengths.push(Math.min(window, framesFor(geometry, opening + left)))
  }
  return lengths
}

function windowPlan(plan: GeneratePlan, frames: number, index: number): GeneratePlan {
  return { ...plan, extend: undefined, frames, seed: BigInt.asUintN(64, plan.seed + BigInt(index)) }
}

/** The frames that are held back until the next window has faded in over them. */
class Tail {
  readonly #size: { readonly width: number; readonly height: number }
  readonly #length: number
  readonly #total: number
  #held: Uint8Array[] = []
  /** Of the frames that have been given out. */
  #first = 0
  /** Of the window that follows. */
  #position = 0

  constructor(size: { readonly width: number; readonly height: number }, length: number, total: number) {
    this.#size = size
    this.#length = length
    this.#total = total
  }

  pictures(): Picture[] {
    return this.#held.map(data => ({ width: this.#size.width, height: this.#size.height, data }))
  }

  /** Takes a frame, and gives out the one that is no longer held. */
  *push(frame: Uint8Array): Generator<FramesDecodedEvent> {
    this.#held.push(frame)
    if (this.#held.length > this.#length) yield this.#event([this.#held.shift()!], 0)
  }

  /** Takes the frames of a window: those that it began with fade in, the others follow, as many as are wanted. */
  *follow({ frames, count, seconds }: FramesDecodedEvent): Generator<FramesDecodedEvent> {
    const bytes = frames.length / count
    const out: Uint8Array[] = []
    for (let index = 0; index < count; index++, this.#position++) {
      const frame = frames.slice(index * bytes, (index + 1) * bytes)
      const old = this.#position < this.#length ? this.#held[this.#position] : undefined
      if (old) {
        this.#held[this.#position] = faded(old, frame, (this.#position + 1) / (this.#length + 1))
      } else if (this.#first + out.length + this.#held.length < this.#total) {
        this.#held.push(frame)
        out.push(this.#held.shift()!)
      }
    }
    if (out.length > 0) yield this.#event(out, seconds)
  }

  endWindow(): void {
    this.#position = 0
  }

  *flush(): Generator<FramesDecodedEvent> {
    yield this.#event(this.#held.splice(0), 0)
  }

  #event(list: readonly Uint8Array[], seconds: number): FramesDecodedEvent {
    const bytes = list[0]!.length
    const frames = new Uint8Array(list.length * bytes)
    list.forEach((frame, index) => {
      frames.set(frame, index * bytes)
    })
    const first = this.#first
    this.#first += list.length
    return {
      type: 'frames-decoded',
      first,
      count: list.length,
      of: this.#total,
      ...this.#size,
      frames,
      seconds,
    }
  }
}

/** old + share · (fresh − old), rounded. */
function faded(old: Uint8Array, fresh: Uint8Array, share: number): Uint8Array {
  return old.map((value, index) => Math.round(value + share * (fresh[index]! - value)))
}

function totalsOf(
  ends: readonly VideoEndEvent[],
): Pick<VideoEndEvent, 'skippedSteps' | 'unguidedSteps' | 'seconds'> {
  const sum = (pick: (end: VideoEndEvent) => number) => ends.reduce((total, end) => total + pick(end), 0)
  const stage = (name: keyof StageSeconds) => sum(({ seconds }) => seconds[name])
  return {
    skippedSteps: sum(({ skippedSteps }) => skippedSteps),
    unguidedSteps: sum(({ unguidedSteps }) => unguidedSteps),
    seconds: {
      conditioning: stage('conditioning'),
      denoising: stage('denoising'),
      decoding: stage('decoding'),
      total: stage('total'),
      running: stage('running'),
    },
  }
}

function notResumable(): RequestError {
  return new RequestError('request/unsupported', {
    subject: 'resume',
    expected: 'a request of one window',
    got: 'one that extends a clip',
    advice: 'Extend the part that was written instead.',
  })
}
