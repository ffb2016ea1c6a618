import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { families } from '../../../models/index.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { builtInModel, resolveModel } from '../../../src/engine/model-name.ts'
import { openEngine } from '../../../src/engine/open-engine.ts'
import { joinSounds, type Sound, sliceSound, soundLength } from '../../../src/media/sound/sound.ts'
import { encodeWav } from '../../../src/media/sound/wav.ts'
import { openVideoWriter } from '../../../src/media/writer.ts'
import type { AudioReadyEvent, GenerateEvent } from '../../../src/pipeline/events.ts'
import { SoundTail } from '../../../src/pipeline/extend-sound.ts'
import type { Family } from '../../../src/pipeline/family.ts'
import type { GenerateRequest } from '../../../src/pipeline/request.ts'
import { scratchFolder } from '../../scratch.ts'
import { RecordedBackend } from '../engine/recorded-backend.ts'
import { soundingFamilies, soundRate } from '../engine/sounding-families.ts'
import { collect } from '../engine/tiny-engine.ts'
import { flatFrames } from '../media/clip-samples.ts'
import { glidingTones } from '../media/sound/sound-samples.ts'

const folder = scratchFolder()
const fps = 8
const given = 9
/** Nine frames are there, and 20 more are made in windows of 17, of which each begins with 5 of those before. */
const request: GenerateRequest = {
  prompt: 'a red ball',
  steps: 1,
  guidance: 1,
  seed: 3,
  window: 17,
  overlap: 5,
  frames: 20,
  fps,
}
const total = (given + 20) / fps

async function clip(name: string, sound?: Sound): Promise<string> {
  const path = `${join(folder, name)}/`
  const writer = await openVideoWriter({
    path,
    width: 64,
    height: 64,
    fps,
    metadata: {
      prompt: '',
      seed: '0',
      model: '',
      steps: 1,
      guidance: 1,
      frames: given,
      fps,
      version: '0',
      width: 64,
      height: 64,
    },
    ...(sound && { sound: { rate: sound.rate, channels: sound.channels } }),
  })
  if (sound) await writer.writeSound(sound)
  await writer.write(flatFrames(given, 64, 64))
  await writer.finish()
  return path
}

async function open(of: readonly Family[]): Promise<Engine> {
  const model = await resolveModel(builtInModel)
  return openEngine(
    { model, device: 'cpu', threads: 1 },
    { families: of, createBackend: lane => new RecordedBackend(lane) },
  )
}

/** The events of sound, and all of it. */
function soundOf(events: readonly GenerateEvent[]): {
  readonly parts: readonly AudioReadyEvent[]
  readonly sound: Sound
} {
  const parts = events.filter(event => event.type === 'audio-ready')
  return { parts, sound: joinSounds(parts[0]!, parts) }
}

test('a model without sound keeps that of the clip, and goes on in silence', async () => {
  await using engine = await open(families)
  const tones = glidingTones(given / fps, 24000)
  const events = await collect(engine.generate({ ...request, extend: await clip('silent-model', tones) }))
  expect(events[0]).toMatchObject({ type: 'start', sound: { rate: 24000, channels: 2 } })
  const { parts, sound } = soundOf(events)
  expect(parts).toHaveLength(1)
  expect(sound.samples).toEqual(tones.samples)
})

test('a file that is put in lasts as long as the whole clip', async () => {
  await using engine = await open(families)
  const file = join(folder, 'long.wav')
  writeFileSync(file, encodeWav(glidingTones(10, 8000, 1)))
  const events = await collect(engine.generate({ ...request, extend: await clip('with-file'), audio: file }))
  const { sound } = soundOf(events)
  expect(soundLength(sound)).toBe(total * 8000)
})

test.each([
  ['a clip with sound', glidingTones(given / fps, 24000)],
  ['a silent clip', undefined],
])(
  'a model with sound goes on from %s, window by window, and ends with the last one',
  async (name, tones) => {
    await using engine = await open(soundingFamilies(50))
    const events = await collect(engine.generate({ ...request, extend: await clip(`made ${name}`, tones) }))
    const { parts, sound } = soundOf(events)
    expect(sound).toMatchObject({ rate: soundRate, channels: 2 })
    let at = 0
    for (const { first, count } of parts) {
      expect(first).toBe(at)
      at += count
    }
    expect(at / soundRate).toBeLessThanOrEqual(total)
    expect(at / soundRate).toBeGreaterThan(total - 0.5)
    // What was there is there, but for the frames that the first window begins with.
    const before = sliceSound(sound, 0, ((given - 5) / fps) * soundRate)
    const loud = Math.max(...before.samples.map(Math.abs))
    if (tones) expect(loud).toBeGreaterThan(0.3)
    else expect(loud).toBe(0)
    const after = sliceSound(sound, (given / fps) * soundRate, at)
    expect(Math.max(...after.samples.map(Math.abs))).toBeGreaterThan(0.1)
  },
)

test('sounds fade into each other at constant power, over what windows share', () => {
  const format = { rate: 100, channels: 1 }
  const constant = (value: number, count: number) => ({
    ...format,
    samples: new Float32Array(count).fill(value),
  })
  const event = (sound: Sound): AudioReadyEvent => {
    return { type: 'audio-ready', ...sound, first: 0, count: soundLength(sound), seconds: 0 }
  }
  const tail = new SoundTail(format, 0.5, 2.1)
  const parts = [
    ...tail.begin(constant(1, 100)),
    ...tail.follow(event(constant(0, 100)), 1.2),
    ...tail.follow(event(constant(0, 100)), undefined),
    ...tail.flush(),
  ]
  const { samples } = joinSounds(format, parts)
  // The last window is cut where the clip ends.
  expect(samples.length).toBe(220 - 10)
  expect([...samples.subarray(0, 50)]).toEqual(new Array(50).fill(1))
  expect(samples[50]).toBeCloseTo(Math.cos(Math.PI / 2 / 51), 5)
  expect(samples[99]).toBeCloseTo(Math.cos((Math.PI / 2) * (50 / 51)), 5)
  expect([...samples.subarray(100)].every(value => Math.abs(value) < 1e-6)).toBe(true)
})
