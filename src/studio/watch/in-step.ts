/** One video, or several that show the same moment. */
import { followFrames, middleOf } from './frames.ts'

export interface ClipLength {
  readonly frames: number
  readonly fps: number
}

export interface Clip extends ClipLength {
  readonly video: HTMLVideoElement
}

export interface StepState {
  readonly playing: boolean
  /** Of the longest clip, from 0. */
  readonly frame: number
}

/** Plays clips together: the longest leads, shorter ones stand at their ends until it begins again. */
export class InStep {
  readonly #clips: readonly Clip[]
  readonly #lead: Clip
  readonly #onState: (state: StepState) => void
  readonly #stop = new AbortController()
  readonly #unfollow: () => void
  #frame = 0
  #loop = true

  /** @param clips at least one */
  constructor(clips: readonly Clip[], onState: (state: StepState) => void) {
    this.#clips = clips
    this.#lead = longestOf(clips)
    this.#onState = onState
    const { video } = this.#lead
    const tell = () => this.#tell()
    for (const name of ['play', 'pause']) video.addEventListener(name, tell, { signal: this.#stop.signal })
    video.addEventListener('ended', () => (this.#loop ? this.#begin() : this.#tell()), {
      signal: this.#stop.signal,
    })
    this.#unfollow = followFrames(video, this.#lead, (frame, seconds) => {
      if (!video.paused) this.#align(seconds)
      if (frame === this.#frame) return
      this.#frame = frame
      this.#tell()
    })
  }

  play(): void {
    if (this.#lead.video.ended) {
      this.#begin()
      return
    }
    const { currentTime } = this.#lead.video
    for (const clip of this.#clips) {
      if (clip !== this.#lead) seek(clip, currentTime)
      if (clip === this.#lead || currentTime < lengthOf(clip)) void clip.video.play().catch(() => undefined)
    }
  }

  pause(): void {
    for (const { video } of this.#clips) video.pause()
    this.#align(this.#lead.video.currentTime)
  }

  /** Shows a frame of the longest clip, and of the others what they show at that time. */
  show(frame: number): void {
    for (const { video } of this.#clips) video.pause()
    this.#frame = Math.min(this.#lead.frames - 1, Math.max(0, frame))
    const seconds = middleOf(this.#frame, this.#lead.fps)
    for (const clip of this.#clips) seek(clip, seconds)
    this.#tell()
  }

  /** Of a video alone, the browser begins it again without a gap. */
  set loop(loop: boolean) {
    this.#loop = loop
    this.#lead.video.loop = loop && this.#clips.length === 1
  }

  set speed(rate: number) {
    for (const { video } of this.#clips) video.playbackRate = rate
  }

  [Symbol.dispose](): void {
    this.#stop.abort()
    this.#unfollow()
  }

  #begin(): void {
    for (const { video } of this.#clips) {
      video.currentTime = 0
      void video.play().catch(() => undefined)
    }
  }

  /** Brings those back that are more than a frame away. */
  #align(seconds: number): void {
    for (const clip of this.#clips) {
      if (clip === this.#lead) continue
      const wanted = within(clip, seconds)
      if (Math.abs(clip.video.currentTime - wanted) > 1.5 / clip.fps) clip.video.currentTime = wanted
    }
  }

  #tell(): void {
    this.#onState({ playing: !this.#lead.video.paused, frame: this.#frame })
  }
}

/** @param clips at least one */
export function longestOf<Each extends ClipLength>(clips: readonly Each[]): Each {
  return clips.reduce((longest, clip) => (lengthOf(clip) > lengthOf(longest) ? clip : longest))
}

const lengthOf = ({ frames, fps }: ClipLength) => frames / fps

function seek(clip: Clip, seconds: number): void {
  clip.video.currentTime = within(clip, seconds)
}

/** A time, or that of the last frame where the clip is shorter. */
function within({ frames, fps }: Clip, seconds: number): number {
  return Math.min(seconds, middleOf(frames - 1, fps))
}
