/** The sound of a clip: where it comes from, and the events that bring it. */
import { messageOf } from '../errors.ts'
import { probeSound, readSound, withoutSound } from '../media/sound/read-sound.ts'
import { type Sound, type SoundFormat, soundLength } from '../media/sound/sound.ts'
import type { Notify } from '../notices.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { decodeSound } from './decode-sound.ts'
import type { AudioReadyEvent, SoundOrigin } from './events.ts'
import type { Model } from './family.ts'
import type { GraphRunner } from './graph-runner.ts'
import type { GeneratePlan } from './request.ts'
import { withinMemory } from './within-memory.ts'

/** Where the sound of a clip comes from. */
export type SoundSource = SoundFormat & { readonly origin: SoundOrigin } & (
    | { readonly path: string; readonly stream?: undefined }
    | { readonly path?: undefined; readonly stream: number }
  )

/**
 * Where a request's sound comes from: a file, or a stream of the model; undefined where there is none.
 * @throws MediaError for a file that cannot be read, or that was named and has no sound
 */
export async function soundSource(
  { facts: { sound } }: Pick<Model, 'facts'>,
  { audio, video, extend }: Pick<GeneratePlan, 'audio' | 'video' | 'extend'>,
  notify: Notify,
): Promise<SoundSource | undefined> {
  if (audio === false) return undefined
  if (audio === true && sound) {
    return { rate: sound.rate, channels: sound.channels, origin: 'made', stream: sound.stream }
  }
  if (audio === true) {
    const clip = extend?.path ?? video
    const found = clip === undefined ? undefined : await readableSound(clip, notify)
    return clip !== undefined && found
      ? { rate: found.rate, channels: found.channels, origin: 'kept', path: clip }
      : undefined
  }
  const found = await probeSound(audio)
  if (found) return { rate: found.rate, channels: found.channels, origin: 'given', path: audio }
  throw withoutSound(audio)
}

/** The sound of a clip whose pictures are what counts: where it cannot be read, that is said. */
export async function readableSound(path: string, notify: Notify): Promise<SoundFormat | undefined> {
  try {
    return await probeSound(path)
  } catch (error) {
    notify('clip/silent', `${path}: its sound is left out, for it cannot be read (${messageOf(error)})`)
    return undefined
  }
}

/** What the sound of a clip is made of. */
interface ClipSound {
  readonly plan: GeneratePlan
  readonly source: SoundSource
  /** Finished ones of every stream. */
  readonly latents: readonly Tensor[]
}

/** The sound of a whole clip, from where it comes. */
export async function* clipSound(
  { facts }: Pick<Model, 'facts'>,
  { plan, source, latents }: ClipSound,
  runner: GraphRunner,
  signal: AbortSignal,
  notify: Notify,
): AsyncGenerator<AudioReadyEvent> {
  const started = performance.now()
  if (source.path !== undefined) {
    yield await copiedSound(source.path, plan, plan.frames / plan.fps, signal, notify)
    return
  }
  const { rate, channels, stream } = source
  const { data } = await withinMemory(runner, () => decodeSound(facts.sound!, latents[stream]!, runner))
  yield audioReady({ rate, channels, samples: data }, 0, started)
}

/**
 * The sound of a file up to a length. A file that was named for its sound alone is not expected to be as long as the video:
 * where it is longer, that is said.
 */
export async function copiedSound(
  path: string,
  { audio }: Pick<GeneratePlan, 'audio'>,
  seconds: number,
  signal: AbortSignal,
  notify: Notify,
): Promise<AudioReadyEvent> {
  const started = performance.now()
  const { longer, ...sound } = await readSound(path, { seconds, signal })
  if (longer && audio === path) {
    notify('clip/cut', `${path}: only its first ${Math.round(seconds * 100) / 100} s are heard.`)
  }
  return audioReady(sound, 0, started)
}

/** @param started by the clock of `performance.now()` */
export function audioReady(sound: Sound, first: number, started: number): AudioReadyEvent {
  const { rate, channels, samples } = sound
  const seconds = (performance.now() - started) / 1000
  return { type: 'audio-ready', rate, channels, first, count: soundLength(sound), samples, seconds }
}
