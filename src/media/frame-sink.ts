import type { GenerationRecord } from './record.ts'
import type { Sound, SoundFormat } from './sound/sound.ts'

/** What every format needs to know. Sizes are those of the pictures in the file, after upscaling. */
export interface ClipFormat {
  readonly width: number
  readonly height: number
  readonly fps: number
  /** 1 … 100; see WriterOptions. */
  readonly quality: number
  readonly record: GenerationRecord | undefined
  /** Of the sound that will be written; undefined for a silent clip. */
  readonly sound: SoundFormat | undefined
  /** See WriterOptions. */
  readonly soundFile: string | undefined
}

/**
 * One format's half of a video writer: it puts frames into a file or folder of a given path and knows nothing of
 * final names, cancelling or errors' wording.
 */
export interface FrameSink {
  /** Takes one frame, [height, width, 3] RGB. The array may be reused once the promise settles. */
  write(frame: Uint8Array): Promise<void>
  /** Takes sound that follows what was taken, from the first frame on. @default it is left out */
  writeSound?(sound: Sound): Promise<void>
  /** Completes the output. @returns its size in bytes */
  finish(): Promise<number>
  /** Stops and frees everything; the caller removes what was written. */
  abort(): Promise<void>
}
