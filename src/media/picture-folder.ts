import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pngEncoder } from './encode-png.ts'
import type { ClipFormat, FrameSink } from './frame-sink.ts'
import { joinSounds, type Sound } from './sound/sound.ts'
import { encodeWav } from './sound/wav.ts'

/** The sound beside the pictures of a folder. */
export const soundFile = 'audio.wav'

/**
 * A folder of PNG files, 00000.png onwards: exact pixels, no loss. Every picture carries the record, so that one
 * that is moved elsewhere still tells where it came from. Beside the pictures, audio.wav has the sound in 32-bit floats.
 */
export async function openPictureFolder(path: string, clip: ClipFormat): Promise<FrameSink> {
  const { width, height, record } = clip
  const encode = pngEncoder(record)
  await mkdir(path)
  let index = 0
  let bytes = 0
  const heard: Sound[] = []
  return {
    async write(frame) {
      const png = await encode({ width, height, data: frame })
      await writeFile(join(path, `${String(index++).padStart(5, '0')}.png`), png, { flag: 'wx' })
      bytes += png.length
    },
    async writeSound(sound) {
      heard.push(sound)
    },
    async finish() {
      if (clip.sound) {
        const wav = encodeWav(joinSounds(clip.sound, heard))
        await writeFile(join(path, soundFile), wav, { flag: 'wx' })
        bytes += wav.length
      }
      return bytes
    },
    async abort() {},
  }
}
