import { readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { openEngine } from '../../../src/engine/open-engine.ts'
import { type RenderEvent, renderVideo } from '../../../src/engine/render.ts'
import { openGuardedSound } from '../../../src/media/guarded-input.ts'
import { loadCodecs } from '../../../src/media/mediabunny.ts'
import { probeMedia } from '../../../src/media/probe.ts'
import { readRecord } from '../../../src/media/read-record.ts'
import { probeSound, readSound } from '../../../src/media/sound/read-sound.ts'
import { type Sound, sliceSound, soundLength } from '../../../src/media/sound/sound.ts'
import { encodeWav } from '../../../src/media/sound/wav.ts'
import { openVideoWriter } from '../../../src/media/writer.ts'
import type { AudioReadyEvent } from '../../../src/pipeline/events.ts'
import type { Family } from '../../../src/pipeline/family.ts'
import type { GenerateRequest } from '../../../src/pipeline/request.ts'
import { fixture } from '../../fixtures.ts'
import { failure, scratchFolder } from '../../scratch.ts'
import { flatFrames } from '../media/clip-samples.ts'
import { glidingTones, soundToNoise } from '../media/sound/sound-samples.ts'
import { RecordedBackend } from './recorded-backend.ts'
import { soundingFamilies } from './sounding-families.ts'
import { collect, tinyRequest } from './tiny-engine.ts'

const scratch = scratchFolder()
const fps = 8
/** With the fewest steps of which half can be left out. */
const request: GenerateRequest = { ...tinyRequest, steps: 2, fps }
/** Of the clip: 5 frames. */
const seconds = 5 / fps

/** Copies of what a sound is decoded from: enough that it can be heard. */
const copies = 256

const heard = soundingFamilies(copies)

function open(of: readonly Family[]): Promise<Engine> {
  return openEngine(
    { model: fixture('wan21-t2v/model'), pipeline: 'WanVideoToVideoPipeline', device: 'cpu', threads: 1 },
    { families: of, createBackend: lane => new RecordedBackend(lane) },
  )
}

async function render(engine: Engine, name: string, asked: GenerateRequest): Promise<RenderEvent[]> {
  const output = { path: path.join(scratch, name), model: 'tiny', version: '0' }
  return (await collect(renderVideo(engine, asked, output) as never)) as RenderEvent[]
}

function soundOf(events: readonly RenderEvent[]): AudioReadyEvent[] {
  return events.filter(event => event.type === 'audio-ready')
}

test('a model that makes sound gives it before the frames, as its decoder makes it, and a file has both', async () => {
  await using engine = await open(heard)
  const events = await render(engine, 'own.mp4', request)
  expect(events.find(event => event.type === 'start')).toMatchObject({ sound: { rate: 8000, channels: 2 } })
  const [made, ...more] = soundOf(events)
  expect(more).toEqual([])
  const end = events.find(event => event.type === 'video-end')!
  const { latents } = end as { latents: { data: Float32Array; shape: readonly number[] } }
  expect(latents.shape).toEqual([16, 2, 2, 2])
  expect(made).toMatchObject({ rate: 8000, channels: 2, first: 0, count: 8 * copies })
  expect([...made!.samples.subarray(0, 8)]).toEqual([...latents.data.subarray(0, 8)])
  const types = events.map(({ type }) => type)
  expect(types.indexOf('audio-ready')).toBeLessThan(types.indexOf('frames-decoded'))
  // It ends before the picture, and is not stretched.
  const facts = await probeSound(path.join(scratch, 'own.mp4'))
  expect(facts).toMatchObject({ codec: 'aac', rate: 8000, channels: 2, startSeconds: 0 })
  expect(facts!.durationSeconds).toBeCloseTo((8 * copies) / 8000, 3)
  expect((await probeMedia(path.join(scratch, 'own.mp4'))).durationSeconds).toBeCloseTo(seconds, 3)
})

test('a folder has the samples of the events in audio.wav', async () => {
  await using engine = await open(heard)
  const [made] = soundOf(await render(engine, 'folder/', request))
  expect((await readSound(path.join(scratch, 'folder/'))).samples).toEqual(made!.samples)
  expect(readdirSync(path.join(scratch, 'folder'))).toContain('audio.wav')
})

test('without sound it is not decoded, the file has none, and says so', async () => {
  await using engine = await open(heard)
  const events = await render(engine, 'silent.mp4', { ...request, audio: false })
  expect(soundOf(events)).toEqual([])
  expect(events.find(event => event.type === 'start')).not.toHaveProperty('sound')
  expect(await probeSound(path.join(scratch, 'silent.mp4'))).toBeUndefined()
  expect(await readRecord(path.join(scratch, 'silent.mp4'))).toMatchObject({ audio: false })
})

test('a GIF leaves the sound out and says so', async () => {
  await using engine = await open(heard)
  const events = await render(engine, 'clip.gif', request)
  const notices = events.flatMap(event => (event.type === 'notice' ? [event.code] : []))
  expect(notices).toContain('output/silent')
})

test('a file is put in from its beginning, cut to the length of the video, and that is said', async () => {
  await using engine = await open(families)
  const tones = glidingTones(2, 48000)
  const file = path.join(scratch, 'tones.wav')
  await writeFile(file, encodeWav(tones))
  const events = await render(engine, 'with-file.mp4', { ...request, audio: file })
  const [copied] = soundOf(events)
  expect(copied).toMatchObject({ rate: 48000, channels: 2, count: seconds * 48000 })
  const notices = events.flatMap(event => (event.type === 'notice' ? [event.message] : []))
  expect(notices).toContain(`${file}: only its first 0.63 s are heard.`)
  const read = await readSound(path.join(scratch, 'with-file.mp4'))
  expect(soundToNoise({ ...tones, samples: copied!.samples }, read)).toBeGreaterThan(25)
  expect(await readRecord(path.join(scratch, 'with-file.mp4'))).toMatchObject({ audio: file })
})

test('the sound of a clip that is worked from stays, in step', async () => {
  await using engine = await open(families)
  const video = path.join(scratch, 'source.mp4')
  const tones = glidingTones(seconds, 48000)
  await writeClip(video, tones)
  const events = await render(engine, 'kept.mp4', { ...request, video, strength: 0.5 })
  expect(soundOf(events)).toHaveLength(1)
  const read = await readSound(path.join(scratch, 'kept.mp4'))
  expect(Math.abs(soundLength(read) - soundLength(tones))).toBeLessThanOrEqual(1)
  expect(soundToNoise(tones, read)).toBeGreaterThan(20)
})

test.each([
  ['video', (video: string) => ({ video, strength: 0.5 })],
  ['audio', (audio: string) => ({ audio })],
])('AAC of a clip is copied as it is stored, from %s, and cut to the clip', async (name, fields) => {
  await using engine = await open(families)
  const source = path.join(scratch, `aac-${name}.mp4`)
  // Longer than the pictures, so that it is cut within a packet.
  await writeClip(source, glidingTones(3, 44100))
  const out = path.join(scratch, `copied-${name}.mp4`)
  await render(engine, path.basename(out), { ...request, ...fields(source) })
  const [before, after] = [await packetsOf(source), await packetsOf(out)]
  expect(after.length).toBe(Math.ceil((seconds * 44100 + 1024) / 1024))
  expect(after.map(({ bytes }) => bytes)).toEqual(before.slice(0, after.length).map(({ bytes }) => bytes))
  for (const [index, { timestamp }] of after.entries()) {
    expect(timestamp).toBeCloseTo(before[index]!.timestamp, 6)
  }
  const [was, is] = [await readSound(source, { seconds }), await readSound(out)]
  expect(Math.abs(soundLength(is) - soundLength(was))).toBeLessThanOrEqual(1)
  expect(soundToNoise(sliceSound(was, 0, soundLength(is)), is)).toBeGreaterThan(100)
})

test('AAC with the delay of another encoder stays in step', async () => {
  await using engine = await open(families)
  const source = path.join(scratch, 'delayed.mp4')
  await writeClip(source, glidingTones(seconds, 48000))
  const bytes = await readFile(source)
  // The edit list of the sound, whose media begin at the priming samples: 2112 as Apple's encoder has.
  const at = bytes.lastIndexOf('elst') + 4 + 8 + 4
  expect(bytes.readInt32BE(at)).toBe(1024)
  bytes.writeInt32BE(2112, at)
  await writeFile(source, bytes)
  await render(engine, 'delayed-out.mp4', { ...request, video: source, strength: 0.5 })
  const [was, is] = [await readSound(source), await readSound(path.join(scratch, 'delayed-out.mp4'))]
  expect(soundToNoise(sliceSound(was, 0, soundLength(is)), is)).toBeGreaterThan(100)
})

test('a clip whose sound is of an unknown kind is worked from without it, and that is said', async () => {
  await using engine = await open(families)
  const video = path.join(scratch, 'unknown.mp4')
  await writeClip(video, glidingTones(seconds, 48000))
  const bytes = await readFile(video)
  // The decoder configuration's kind of object (ISO/IEC 14496-1, 7.2.6.6), followed by that of its stream.
  bytes[bytes.indexOf(Buffer.of(0x40, 0x15), bytes.indexOf('esds'))] = 0xe2
  await writeFile(video, bytes)
  const events = await render(engine, 'from-unknown.mp4', { ...request, video, strength: 0.5 })
  expect(soundOf(events)).toEqual([])
  const notices = events.flatMap(event => (event.type === 'notice' ? [event.code] : []))
  expect(notices).toContain('clip/silent')
  expect(await failure(collect(engine.generate({ ...request, audio: video })))).toMatchObject({
    message: expect.stringContaining('expected sound that can be decoded'),
  })
})

test('sound that nothing makes, and a file without any, are refused', async () => {
  await using engine = await open(families)
  expect(await failure(collect(engine.generate({ ...request, audio: true })))).toMatchObject({
    code: 'request/unsupported',
    message: expect.stringContaining('audio: expected false or a file: this model makes no sound, got true.'),
  })
  const mute = path.join(scratch, 'mute.mp4')
  await writeClip(mute)
  expect(await failure(collect(engine.generate({ ...request, audio: mute })))).toMatchObject({
    message: `${mute}: expected a file with sound, got one without.`,
  })
})

/** The stored packets of a file's sound. */
async function packetsOf(file: string): Promise<{ readonly timestamp: number; readonly bytes: string }[]> {
  const mediabunny = await loadCodecs('media/input')
  const input = openGuardedSound(mediabunny, file)
  const sink = new mediabunny.EncodedPacketSink((await input.getPrimaryAudioTrack())!)
  const packets = []
  for await (const { timestamp, data } of sink.packets()) {
    packets.push({ timestamp, bytes: Buffer.from(data).toString('base64') })
  }
  input.dispose()
  return packets
}

async function writeClip(file: string, tones?: Sound): Promise<void> {
  const format = tones && { sound: { rate: tones.rate, channels: tones.channels } }
  const writer = await openVideoWriter({ path: file, width: 16, height: 16, fps, ...format })
  if (tones) await writer.writeSound(tones)
  await writer.write(flatFrames(5, 16, 16))
  await writer.finish()
}
