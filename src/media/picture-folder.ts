import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClipFormat, FrameSink } from './frame-sink.ts'
import { loadSharp } from './load-sharp.ts'
import { recordToText } from './record.ts'
import { joinSounds, type Sound } from './sound/sound.ts'
import { encodeWav } from './sound/wav.ts'
import { textToXmp } from './xmp.ts'

/** The sound beside the pictures of a folder. */
export const soundFile = 'audio.wav'

/**
 * A folder of PNG files, 00000.png onwards: exact pixels, no loss. Every picture carries the record, so that one
 * that is moved elsewhere still tells where it came from. Beside the pictures, audio.wav has the sound in 32-bit floats.
 */
export async function openPictureFolder(path: string, clip: ClipFormat): Promise<FrameSink> {
  const sharp = loadSharp()
  await mkdir(path)
  const xmp = clip.record && textToXmp(recordToText(clip.record))
  let index = 0
  let bytes = 0
  const heard: Sound[] = []
  return {
    async write(frame) {
      const image = sharp(frame, { raw: { width: clip.width, height: clip.height, channels: 3 } })
      if (xmp !== undefined) image.withXmp(xmp)
      const png = await image.png().toBuffer()
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
