import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import type { EncodedPacket, StreamTarget, StreamTargetChunk } from 'mediabunny'
import type { WrittenCodec } from './bitstream/colour-tags.ts'
import type { ClipFormat, FrameSink } from './frame-sink.ts'
import { markCodecDelay } from './matroska-delay.ts'
import { loadCodecs, type Mediabunny } from './mediabunny.ts'
import { moveIndexToFront } from './mp4-index.ts'
import { recordToText } from './record.ts'
import { CopiedTrack } from './sound/copied-track.ts'
import type { SoundPacketConsumer } from './sound/sound-encoder.ts'
import { SoundTrack } from './sound/sound-track.ts'
import { openVideoEncoder } from './video-encoder.ts'

/**
 * MP4 (H.264, AAC) and WebM (VP9, AV1, Opus). Packets are written as they leave the encoder, and frames wait while the encoder
 * and the disk are busy, so memory does not grow with the length of the clip. MP4's index, which is known only at
 * the end, is then moved to the front, so that players can start before they have the whole file.
 */
export async function openMuxedClip(
  path: string,
  container: '.mp4' | '.webm',
  codec: WrittenCodec,
  clip: ClipFormat,
): Promise<FrameSink> {
  const mediabunny = await loadCodecs('media/output')
  const file = await openFile(mediabunny, path)
  try {
    const muxer = await openMuxer(mediabunny, file.target, container, codec, clip)
    const encoder = await openVideoEncoder(mediabunny, codec, clip, muxer.add)
    const sound = await openSound(mediabunny, container, clip, muxer.addSound)
    let frames = 0
    return {
      async writeSound(samples) {
        sound?.push(samples)
      },
      async write(frame) {
        await encoder.encode(frame)
        await sound?.advanceTo(++frames / clip.fps)
        await muxer.idle()
        file.check()
      },
      async finish() {
        await encoder.finish()
        await sound?.finish()
        await muxer.idle()
        await muxer.finish().finally(() => file.check())
        if (container === '.mp4') await rewrite(path, moveIndexToFront)
        if (container === '.webm' && sound) await markCodecDelay(path)
        return (await stat(path)).size
      },
      async abort() {
        await encoder.abort()
        await sound?.abort()
        await muxer.abort()
        await file.close()
      },
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** The sound of a file is copied where it is stored as the container has it; other sound is encoded. */
async function openSound(
  mediabunny: Mediabunny,
  container: '.mp4' | '.webm',
  { sound, soundFile }: ClipFormat,
  onPacket: SoundPacketConsumer,
): Promise<SoundTrack | CopiedTrack | undefined> {
  if (!sound) return undefined
  const copied =
    soundFile !== undefined && container === '.mp4'
      ? await CopiedTrack.open(mediabunny, soundFile, sound, onPacket)
      : undefined
  return copied ?? (await SoundTrack.open(mediabunny, soundCodecs[container], sound, onPacket))
}

const soundCodecs = { '.mp4': 'aac', '.webm': 'opus' } as const

/** A container with a video track, and one of sound where the clip has it. */
async function openMuxer(
  mediabunny: Mediabunny,
  target: StreamTarget,
  container: '.mp4' | '.webm',
  codec: WrittenCodec,
  clip: ClipFormat,
) {
  const { EncodedAudioPacketSource, EncodedVideoPacketSource, Mp4OutputFormat, Output, WebMOutputFormat } =
    mediabunny
  const source = new EncodedVideoPacketSource(codec)
  const format = container === '.mp4' ? new Mp4OutputFormat({ fastStart: false }) : new WebMOutputFormat()
  const output = new Output({ format, target })
  output.addVideoTrack(source, { frameRate: clip.fps })
  const sound = new EncodedAudioPacketSource(soundCodecs[container])
  if (clip.sound) output.addAudioTrack(sound)
  if (clip.record !== undefined) output.setMetadataTags({ comment: recordToText(clip.record) })
  await output.start()

  let written = Promise.resolve()
  const queue = (write: () => Promise<void>) => {
    written = written.then(write)
    written.catch(() => undefined) // idle() reports it.
  }
  return {
    add(packet: EncodedPacket, metadata?: EncodedVideoChunkMetadata) {
      queue(() => source.add(packet, metadata))
    },
    addSound(packet: EncodedPacket, metadata?: EncodedAudioChunkMetadata) {
      queue(() => sound.add(packet, metadata))
    },
    /** Settles when every packet is with the file; throws what went wrong. */
    idle: () => written,
    finish: () => output.finalize(),
    async abort() {
      await written.catch(() => undefined)
      if (output.state === 'started') await output.cancel()
    },
  }
}

/**
 * A file as a target of mediabunny. Its own file target takes a short write for a whole one, which is what a disk
 * that becomes full gives first.
 */
async function openFile(mediabunny: Mediabunny, path: string) {
  const handle: FileHandle = await open(path, 'wx')
  let failure: unknown
  const close = () => handle.close().catch(() => undefined)
  const stream = new WritableStream<StreamTargetChunk>({
    async write({ data, position }) {
      try {
        for (let done = 0; done < data.length; ) {
          done += (await handle.write(data, done, data.length - done, position + done)).bytesWritten
        }
      } catch (error) {
        failure ??= error
        throw error
      }
    },
    close: () => handle.close(),
    abort: close,
  })
  return {
    target: new mediabunny.StreamTarget(stream, { chunked: true, chunkSize: 2 ** 20 }),
    close,
    /** Throws what went wrong while writing. */
    check() {
      if (failure !== undefined) throw failure
    },
  }
}

async function rewrite(path: string, transform: (from: string, to: string) => Promise<void>): Promise<void> {
  const rewritten = `${path}.2`
  try {
    await transform(path, rewritten)
    await rename(rewritten, path)
  } catch (error) {
    await rm(rewritten, { force: true })
    throw error
  }
}
