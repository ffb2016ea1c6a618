import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AudioSample, InputAudioTrack } from 'mediabunny'
import { CancelledError, FramewrightError, MediaError } from '../../errors.ts'
import { brokenFile } from '../broken-file.ts'
import { type Edit, readEditList } from '../edit-list.ts'
import { fileKind } from '../file-kind.ts'
import { guardedSoundSamples, openGuardedSound } from '../guarded-input.ts'
import { loadCodecs } from '../mediabunny.ts'
import { soundFile } from '../picture-folder.ts'
import { checkWhole } from '../whole-file.ts'
import { originOf } from './origin.ts'
import { channelOf, type Sound, type SoundFormat, sliceSound, soundLength } from './sound.ts'

/** What the sound of a file is. */
export interface FileSound extends SoundFormat {
  /** `aac`, `opus`, `mp3`, `flac`, `vorbis`, or a kind of PCM. */
  readonly codec: string
  /** When it begins: relative to the first picture of a video, else to the beginning of the file. */
  readonly startSeconds: number
  readonly durationSeconds: number
}

export interface ReadSoundOptions {
  /** What is read at most, from the beginning. @default all */
  readonly seconds?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * What the sound of a file is: a video, a sound file (WAV, MP3, M4A, Ogg, FLAC), or a folder of pictures with audio.wav.
 * @returns undefined where it has none
 * @throws MediaError when it is missing, broken or of another kind
 */
export async function probeSound(path: string): Promise<FileSound | undefined> {
  return withTrack(path, undefined, async ({ file, track, origin, codec }) => {
    const rate = codec === 'opus' ? 48000 : await track.getSampleRate()
    const edits = await readEditList(file, track.id)
    const first = Math.max(
      await track.getFirstTimestamp(),
      edits?.[0]?.presentedAt ?? Number.NEGATIVE_INFINITY,
    )
    const end = await endOf(track, edits)
    return {
      codec,
      rate,
      channels: await track.getNumberOfChannels(),
      startSeconds: Math.max(0, first - origin),
      durationSeconds: end - Math.max(first, origin),
    }
  })
}

/**
 * The sound of a file, as `probeSound` finds it: its first sample belongs to the first picture of a video, and silence
 * stands where the sound begins later or pauses.
 * @returns also whether the file has more of it than was asked for
 * @throws MediaError when it is missing, broken, of another kind or without sound; CancelledError when aborted
 */
export async function readSound(
  path: string,
  { seconds = Number.POSITIVE_INFINITY, signal }: ReadSoundOptions = {},
): Promise<Sound & { readonly longer: boolean }> {
  const sound = await withTrack(path, signal, async ({ file, track, origin }) => {
    const edits = await readEditList(file, track.id)
    const collected = new CollectedSound(seconds)
    for await (const { timestamp, ...part } of decoded(track, signal)) {
      for (const { from, to, at } of presented(part, timestamp, edits)) {
        collected.add(sliceSound(part, from, to), at - origin)
      }
      if (collected.longer) break
    }
    return collected.sound()
  })
  if (sound) return sound
  throw withoutSound(path)
}

/** For a file that was named for its sound. */
export function withoutSound(path: string): MediaError {
  return new MediaError('media/input', { subject: path, expected: 'a file with sound', got: 'one without' })
}

interface TimedSound extends Sound {
  /** Seconds, in the times of the track. */
  readonly timestamp: number
}

/** How far the times of parts may be from where the sound before them ends: containers round them. */
const toleranceSeconds = 0.02

/** The decoded parts of a track, each right behind the one before it where no time lies between them. */
async function* decoded(track: InputAudioTrack, signal: AbortSignal | undefined): AsyncGenerator<TimedSound> {
  let end: number | undefined
  for await (const sample of guardedSoundSamples(await loadCodecs('media/input'), track)) {
    const part = pcmOf(sample)
    const follows = end !== undefined && Math.abs(sample.timestamp - end) < toleranceSeconds
    const timestamp: number = follows ? end! : sample.timestamp
    sample.close()
    if (signal?.aborted) throw new CancelledError({ cause: signal.reason })
    end = timestamp + soundLength(part) / part.rate
    yield { ...part, timestamp }
  }
}

function pcmOf(sample: AudioSample): Sound {
  const { sampleRate: rate, numberOfChannels: channels, numberOfFrames: count } = sample
  const sound = { rate, channels, samples: new Float32Array(channels * count) }
  for (let planeIndex = 0; planeIndex < channels; planeIndex++) {
    sample.copyTo(channelOf(sound, planeIndex), { planeIndex, format: 'f32-planar' })
  }
  return sound
}

/** The samples of a part that are presented, and when, in seconds. */
function presented(
  part: Sound,
  timestamp: number,
  edits: readonly Edit[] | undefined,
): { readonly from: number; readonly to: number; readonly at: number }[] {
  const count = soundLength(part)
  const [first] = edits ?? []
  const media = first ? timestamp + first.mediaStart - first.presentedAt : timestamp
  const all = edits ?? [{ mediaStart: 0, presentedAt: 0, seconds: Number.POSITIVE_INFINITY }]
  return all.flatMap(({ mediaStart, presentedAt, seconds }) => {
    const from = Math.max(0, Math.round((mediaStart - media) * part.rate))
    const to = Math.min(count, Math.round((mediaStart + seconds - media) * part.rate))
    return from < to ? [{ from, to, at: media + from / part.rate - mediaStart + presentedAt }] : []
  })
}

/** Parts of a sound at their places, up to a length. */
class CollectedSound {
  readonly #seconds: number
  readonly #parts: { readonly part: Sound; readonly at: number }[] = []
  longer = false

  constructor(seconds: number) {
    this.#seconds = seconds
  }

  /** @param at seconds from the beginning; what lies before it is left out */
  add(part: Sound, at: number): void {
    const start = Math.round(at * part.rate)
    const most = Math.round(this.#seconds * part.rate) - start
    const kept = sliceSound(part, Math.max(0, -start), Math.max(0, most))
    if (soundLength(part) > most) this.longer = true
    if (soundLength(kept) > 0) this.#parts.push({ part: kept, at: Math.max(0, start) })
  }

  sound(): Sound & { readonly longer: boolean } {
    const [first] = this.#parts
    const { rate, channels } = first?.part ?? { rate: 48000, channels: 1 }
    const length = Math.max(0, ...this.#parts.map(({ part, at }) => at + soundLength(part)))
    const samples = new Float32Array(channels * length)
    for (const { part, at } of this.#parts) {
      for (let channel = 0; channel < channels; channel++) {
        samples.set(channelOf(part, channel), channel * length + at)
      }
    }
    return { rate, channels, samples, longer: this.longer }
  }
}

interface OpenTrack {
  readonly file: string
  readonly track: InputAudioTrack
  readonly codec: string
  /** `originOf` the file. */
  readonly origin: number
}

/** Calls back with the first track of sound of a file. @returns undefined where there is none */
async function withTrack<T>(
  path: string,
  signal: AbortSignal | undefined,
  use: (opened: OpenTrack) => Promise<T>,
): Promise<T | undefined> {
  const file = await soundFileOf(path)
  if (file === undefined) return undefined
  const input = openGuardedSound(await loadCodecs('media/input'), file)
  try {
    if (!(await input.canRead())) {
      await fileKind(file) // A picture has no sound; anything else is named.
      return undefined
    }
    if ((await fileKind(file).catch(() => undefined)) === 'movie') await checkWhole(file)
    const track = await input.getPrimaryAudioTrack()
    if (track === null) return undefined
    const codec = await track.getCodec()
    if (codec === null || !(await track.canDecode())) {
      const expected = 'sound that can be decoded (AAC, Opus, MP3, FLAC, Vorbis, PCM)'
      throw new MediaError('media/input', { subject: path, expected, got: codec ?? 'an unknown codec' })
    }
    return await use({ file, track, codec, origin: await originOf(input, file) })
  } catch (error) {
    if (signal?.aborted || FramewrightError.is(error)) throw error
    throw brokenFile(path, 'sound that can be decoded', error)
  } finally {
    input.dispose()
  }
}

/** A folder of pictures has its sound in a file; undefined for one without. @throws MediaError for nothing at all */
export async function soundFileOf(path: string): Promise<string | undefined> {
  const stats = await stat(path).catch(cause => {
    const got = cause.code === 'ENOENT' ? 'nothing at that path' : String(cause.message)
    throw new MediaError('media/input', { subject: path, expected: 'a sound or video file', got }, { cause })
  })
  if (!stats.isDirectory()) return path
  const inside = join(path, soundFile)
  return (await stat(inside).catch(() => undefined)) && inside
}

async function endOf(track: InputAudioTrack, edits: readonly Edit[] | undefined): Promise<number> {
  const end = await track.computeDuration()
  const last = edits?.at(-1)
  return last ? Math.min(end, last.presentedAt + last.seconds) : end
}
