import { readFile } from 'node:fs/promises'
import { BufferSource, EncodedPacketSink, Input, MP4, VideoSampleSink, WEBM } from 'mediabunny'
import { describe, expect, it } from 'vitest'
import { writtenColours } from '../../../../src/media/bitstream/colour-tags.ts'
import { tagAvcRecord } from '../../../../src/media/bitstream/h264.ts'
import { loadCodecs } from '../../../../src/media/mediabunny.ts'
import { discFrames, temporaryFolder, writeClip } from '../clip-samples.ts'

const folder = temporaryFolder()

describe.each([
  ['clip.mp4', 'h264', 64, 64],
  ['tiny.mp4', 'h264', 2, 2],
  ['large.mp4', 'h264', 1280, 720],
  ['clip.webm', 'vp9', 64, 64],
  ['av1.webm', 'av1', 64, 64],
] as const)('%s with %s at %dx%d', (name, codec, width, height) => {
  it('is marked as BT.709, limited range, in its container and in the stream itself', async () => {
    await loadCodecs('media/input')
    await writeClip(discFrames(4, width, height), { path: folder.path + name, width, height, fps: 8, codec })
    const source = new BufferSource(await readFile(folder.path + name))
    const input = new Input({ source, formats: [MP4, WEBM] })
    const track = (await input.getPrimaryVideoTrack())!
    expect(await track.getColorSpace()).toEqual(writtenColours)
    // A decoder is not told of the container's marks: what its pictures say comes from the stream.
    const pictures: unknown[] = []
    for await (const sample of new VideoSampleSink(track).samples()) {
      pictures.push(sample.colorSpace.toJSON())
      sample.close()
    }
    // VP9 has no words for primaries and transfer.
    const said = codec === 'vp9' ? { ...writtenColours, primaries: null, transfer: null } : writtenColours
    expect(pictures).toEqual(Array(4).fill(said))
    input.dispose()
  })
})

describe('an H.264 parameter set', () => {
  it('stays as it is when it is marked already', async () => {
    const path = `${folder.path}marked.mp4`
    await writeClip(discFrames(2, 64, 64), { path, width: 64, height: 64, fps: 8 })
    const input = new Input({ source: new BufferSource(await readFile(path)), formats: [MP4] })
    const config = await (await input.getPrimaryVideoTrack())!.getDecoderConfig()
    const description = Buffer.from(config!.description as Uint8Array)
    expect(Buffer.from(tagAvcRecord(description)).equals(description)).toBe(true)
    input.dispose()
  })

  it('without usability information gets some', () => {
    // Baseline, 16x16, one reference, written out by hand after profile and level:
    // ids and counts 1 1 1 1, references 010, gaps 0, width 1, height 1, frames 1, direct 1, cropping 0, VUI 0, stop 1
    const parameterSet = [0x67, 66, 0, 10, 0b1111_0100, 0b1111_0010]
    const record = Uint8Array.of(
      1,
      66,
      0,
      10,
      255,
      0xe1,
      0,
      parameterSet.length,
      ...parameterSet,
      1,
      0,
      1,
      0x68,
    )
    const tagged = tagAvcRecord(record)
    // … cropping 0, VUI 1, aspect 0, overscan 0, signal 1 101 0 1, three times 1 in 8 bits, 6 times 0, stop 1.
    const marked = [0b1111_0100, 0b1111_0100, 0b1101_0100, 0b0000_0100, 0b0000_0100, 0b0000_0100, 0b0000_1000]
    expect(Array.from(tagged.subarray(6, 19))).toEqual([0, 11, 0x67, 66, 0, 10, ...marked])
    expect(Array.from(tagged.subarray(-4))).toEqual([1, 0, 1, 0x68])
  })
})

it('shows each frame at its time', async () => {
  const path = `${folder.path}packets.webm`
  await writeClip(discFrames(17, 64, 64), { path, width: 64, height: 64, fps: 8, codec: 'av1' })
  const input = new Input({ source: new BufferSource(await readFile(path)), formats: [WEBM] })
  const sink = new EncodedPacketSink((await input.getPrimaryVideoTrack())!)
  const times: number[] = []
  for await (const packet of sink.packets()) times.push(packet.timestamp)
  expect(times).toEqual(Array.from({ length: 17 }, (_, index) => index / 8))
  input.dispose()
})
