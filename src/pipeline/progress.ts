/** How far a run is, and how long the rest takes: one model for bars, logs and the events of a server. */
import type { GenerateEvent } from './events.ts'

export interface Progress {
  /** From 0 to 1; it never falls. */
  readonly fraction: number
  readonly stage: 'loading' | 'conditioning' | 'denoising' | 'decoding' | 'writing'
  /** Steps that are done, of how many; 0 of 0 before the first is known. */
  readonly step: number
  readonly of: number
  /** Frames that are decoded, of how many; 0 of 0 before the first. */
  readonly frames: number
  readonly framesOf: number
  /** Mean of the last steps; undefined before the first. */
  readonly secondsPerStep: number | undefined
  /** Estimate of what is left of the run; undefined before the first step. */
  readonly secondsLeft: number | undefined
}

/** Shares of a run: the steps have what conditioning and decoding leave. */
const conditioningShare = 0.02
const decodingShare = 0.1
const stepsShare = 1 - conditioningShare - decodingShare

/** Steps, or parts of a clip, that an estimate looks back: enough to be steady, few enough to follow a change. */
const window = 10

/** How far each estimate of the time left goes from the one before to what the paces say: single steps vary. */
const estimateWeight = 0.25

/** Follows the events of a run. Where clips are extended, steps and frames take turns. */
export class ProgressTracker {
  readonly #steps = new Pace()
  readonly #frames = new Pace()
  #now: Progress = {
    fraction: 0,
    stage: 'loading',
    step: 0,
    of: 0,
    frames: 0,
    framesOf: 0,
    secondsPerStep: undefined,
    secondsLeft: undefined,
  }

  get now(): Progress {
    return this.#now
  }

  /** @returns whether the progress is another now */
  take(event: GenerateEvent | { readonly type: 'video-written' }): boolean {
    const change = this.#changeOf(event)
    if (change === undefined) return false
    const next = { ...this.#now, ...change }
    const estimate = {
      fraction: Math.max(next.fraction, fractionOf(next)),
      secondsPerStep: this.#steps.seconds,
      secondsLeft: this.#smoothSecondsLeft(next, secondsOf(event)),
    }
    this.#now = { ...next, ...estimate }
    return true
  }

  #changeOf(event: GenerateEvent | { readonly type: 'video-written' }): Partial<Progress> | undefined {
    switch (event.type) {
      case 'start':
        return { stage: 'conditioning' }
      case 'conditioning-ready':
        return { stage: 'denoising', fraction: conditioningShare }
      case 'step-end':
        this.#steps.add(event.seconds)
        return { stage: 'denoising', step: event.step, of: event.of }
      case 'frames-decoded': {
        this.#frames.add(event.seconds, event.count)
        const stage = this.#now.step === this.#now.of ? 'decoding' : 'denoising'
        return { stage, frames: event.first + event.count, framesOf: event.of }
      }
      case 'video-end':
        return { stage: 'writing', fraction: 1 }
      default:
        return undefined
    }
  }

  /** @param passed seconds since the estimate before */
  #smoothSecondsLeft(next: Progress, passed: number): number | undefined {
    const left = this.#secondsLeft(next)
    const before = this.#now.secondsLeft
    // The first step, which opens a session, and what is left of a run that has ended say nothing of each other.
    if (!left || before === undefined || this.#steps.count <= 2) return left
    const expected = Math.max(0, before - passed)
    return expected + estimateWeight * (left - expected)
  }

  #secondsLeft({ stage, step, of, frames, framesOf }: Progress): number | undefined {
    const perStep = this.#steps.seconds
    if (perStep === undefined) return undefined
    if (stage === 'writing') return 0
    const perFrame = this.#frames.seconds
    if (step === of && perFrame !== undefined) return perFrame * (framesOf - frames)
    const undecoded = framesOf === 0 ? 1 : 1 - frames / framesOf
    return perStep * (of - step + (of * undecoded * decodingShare) / stepsShare)
  }
}

/** What an event took that tells of a part of the run. */
function secondsOf(event: GenerateEvent | { readonly type: 'video-written' }): number {
  return event.type === 'step-end' || event.type === 'frames-decoded' ? event.seconds : 0
}

/** A run that is resumed after its last step has no steps: all of them are done when frames come. */
function fractionOf({ stage, fraction, step, of, frames, framesOf }: Progress): number {
  if (stage === 'loading' || stage === 'conditioning' || (of === 0 && framesOf === 0)) return fraction
  const decoded = framesOf === 0 ? 0 : frames / framesOf
  return conditioningShare + stepsShare * (of === 0 ? 1 : step / of) + decodingShare * decoded
}

/** How long one of several equal things takes. */
class Pace {
  #recent: { readonly seconds: number; readonly count: number }[] = []
  #added = 0

  /** How many there were. */
  get count(): number {
    return this.#added
  }

  add(seconds: number, count = 1): void {
    // The first one opens a session; it says little about the others.
    if (++this.#added === 2) this.#recent = []
    this.#recent = [...this.#recent, { seconds, count }].slice(-window)
  }

  /** Mean of the last ones; undefined before the first. */
  get seconds(): number | undefined {
    if (this.#recent.length === 0) return undefined
    const sum = (pick: (part: { seconds: number; count: number }) => number) =>
      this.#recent.reduce((total, part) => total + pick(part), 0)
    return sum(({ seconds }) => seconds) / sum(({ count }) => count)
  }
}
