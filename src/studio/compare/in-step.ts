/** Several videos that show the same moment. */

export interface Clip {
  readonly video: HTMLVideoElement
  readonly frames: number
  readonly fps: number
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
  #callback = 0
  #frame = 0
  loop = true

  /** @param clips at least one */
  constructor(clips: readonly Clip[], onState: (state: StepState) => void) {
    this.#clips = clips
    this.#lead = longestOf(clips)
    this.#onState = onState
    const { video } = this.#lead
    const tell = () => this.#tell()
    for (const name of ['play', 'pause']) video.addEventListener(name, tell, { signal: this.#stop.signal })
    video.addEventListener('ended', () => (this.loop ? this.#begin() : this.#tell()), {
      signal: this.#stop.signal,
    })
    this.#follow()
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
    // The middle of a frame: its edges may be rounded to a neighbour's.
    const seconds = (this.#frame + 0.5) / this.#lead.fps
    for (const clip of this.#clips) seek(clip, seconds)
    this.#tell()
  }

  set speed(rate: number) {
    for (const { video } of this.#clips) video.playbackRate = rate
  }

  [Symbol.dispose](): void {
    this.#stop.abort()
    this.#lead.video.cancelVideoFrameCallback(this.#callback)
  }

  #begin(): void {
    for (const { video } of this.#clips) {
      video.currentTime = 0
      void video.play().catch(() => undefined)
    }
  }

  #follow(): void {
    const next = (_: number, { mediaTime }: { readonly mediaTime: number }) => {
      const frame = Math.min(this.#lead.frames - 1, Math.floor(mediaTime * this.#lead.fps + 0.25))
      if (!this.#lead.video.paused) this.#align(mediaTime)
      if (frame !== this.#frame) {
        this.#frame = frame
        this.#tell()
      }
      this.#callback = this.#lead.video.requestVideoFrameCallback(next)
    }
    this.#callback = this.#lead.video.requestVideoFrameCallback(next)
  }

  /** Brings those back that are more than a frame away. */
  #align(seconds: number): void {
    for (const clip of this.#clips) {
      if (clip === this.#lead) continue
      const wanted = Math.min(seconds, lengthOf(clip) - 0.5 / clip.fps)
      if (Math.abs(clip.video.currentTime - wanted) > 1.5 / clip.fps) clip.video.currentTime = wanted
    }
  }

  #tell(): void {
    this.#onState({ playing: !this.#lead.video.paused, frame: this.#frame })
  }
}

export function longestOf(clips: readonly Clip[]): Clip {
  return clips.reduce((longest, clip) => (lengthOf(clip) > lengthOf(longest) ? clip : longest))
}

const lengthOf = ({ frames, fps }: Clip) => frames / fps

function seek(clip: Clip, seconds: number): void {
  clip.video.currentTime = Math.min(seconds, (clip.frames - 0.5) / clip.fps)
}
