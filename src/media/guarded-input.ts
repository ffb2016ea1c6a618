import type {
  AudioSample,
  Input,
  InputAudioTrack,
  InputFormat,
  InputVideoTrack,
  VideoSample,
} from 'mediabunny'
import type { Mediabunny } from './mediabunny.ts'

/**
 * Opens a movie in a way that a broken or hostile file can neither hang nor end the process. mediabunny 1.61.0 has
 * two faults there, and both are met at functions that it keeps for itself, so its version is pinned and the tests
 * read files of wrong bytes:
 * - Searching for the next element after rubbish in a Matroska file asks for the same bytes for ever.
 * - After a packet that does not decode, closing the decoder rejects a promise that nobody waits for.
 */
export function openGuardedInput(mediabunny: Mediabunny, path: string): Input {
  const { MATROSKA, MP4, QTFF, WEBM } = mediabunny
  return openInput(mediabunny, path, [MP4, QTFF, WEBM, MATROSKA])
}

/** Opens a file that may have sound, in the same way: a movie, or a sound file. */
export function openGuardedSound(mediabunny: Mediabunny, path: string): Input {
  const { ADTS, FLAC, MATROSKA, MP3, MP4, OGG, QTFF, WAVE, WEBM } = mediabunny
  return openInput(mediabunny, path, [MP4, QTFF, WEBM, MATROSKA, WAVE, OGG, FLAC, MP3, ADTS])
}

function openInput({ FilePathSource, Input }: Mediabunny, path: string, formats: InputFormat[]): Input {
  const source = new FilePathSource(path)
  guardReads(source as unknown as Internal<'_read'>)
  return new Input({ source, formats })
}

type Method = (...values: never[]) => unknown
type Internal<Name extends string> = Record<Name, Method>

/** Reads of the very same bytes in a row. A reader that makes progress asks a few times at most. */
const mostRepeats = 1000

function guardReads(source: Internal<'_read'>): void {
  const read = source._read.bind(source)
  let last = ''
  let repeats = 0
  source._read = (...range: never[]) => {
    const asked = range.join()
    repeats = asked === last ? repeats + 1 : 0
    last = asked
    if (repeats > mostRepeats) throw new Error(`nothing that can be read follows byte ${range[0]}`)
    return read(...range)
  }
}

interface DecoderOfSink {
  /** Decoders of PCM have none. */
  customDecoderCallSerializer?: { currentPromise: Promise<void> }
  close(): void
}

/** The decoded frames of a track in order, each to be closed by the caller. Ending the loop closes the decoder. */
export async function* guardedSamples(
  { VideoSampleSink }: Mediabunny,
  track: InputVideoTrack,
): AsyncGenerator<VideoSample, void, undefined> {
  yield* guarded(new VideoSampleSink(track))
}

/** The decoded sound of a track in order, likewise. */
export async function* guardedSoundSamples(
  { AudioSampleSink }: Mediabunny,
  track: InputAudioTrack,
): AsyncGenerator<AudioSample, void, undefined> {
  yield* guarded(new AudioSampleSink(track))
}

async function* guarded<Sample>(sink: {
  samples(): AsyncGenerator<Sample, void, unknown>
}): AsyncGenerator<Sample, void, undefined> {
  const internal = sink as unknown as { _createDecoder(...values: never[]): Promise<DecoderOfSink> }
  const create = internal._createDecoder.bind(sink)
  internal._createDecoder = async (...callbacks) => guardClose(await create(...callbacks))
  const samples = sink.samples()
  try {
    yield* samples
  } finally {
    await samples.return() // After an error its loop would else wait for ever to hand over the next frame.
  }
}

function guardClose(decoder: DecoderOfSink): DecoderOfSink {
  const close = decoder.close.bind(decoder)
  decoder.close = () => {
    const calls = decoder.customDecoderCallSerializer
    if (calls) calls.currentPromise = calls.currentPromise.catch(() => undefined) // The sink has reported it.
    close()
  }
  return decoder
}
