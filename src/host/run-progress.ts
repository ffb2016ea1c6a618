import type { RenderEvent } from '../engine/render.ts'
import type { HostProgress } from './protocol.ts'

/** Shares of a run: the steps have what conditioning and decoding leave. */
const conditioningShare = 0.02
const decodingShare = 0.1

/** Steps from which what is left is estimated: the last few, as the first one may load a model. */
const remembered = 8

/** Follows the events of a run, and says how far it is. Where clips are extended, steps and frames take turns. */
export class RunProgress {
  #progress: HostProgress = { fraction: 0, stage: 'loading', step: 0, of: 0 }
  #seconds: number[] = []
  /** Share of the frames that are decoded. */
  #decoded = 0

  get now(): HostProgress {
    return this.#progress
  }

  /** @returns whether the progress is another now */
  take(event: RenderEvent): boolean {
    const next = this.#after(event)
    if (next === undefined) return false
    this.#progress = next
    return true
  }

  #after(event: RenderEvent): HostProgress | undefined {
    const { previewStep, fraction, step, of } = this.#progress
    const before = { fraction, step, of, ...(previewStep !== undefined && { previewStep }) }
    switch (event.type) {
      case 'start':
        return { ...before, stage: 'conditioning' }
      case 'conditioning-ready':
        return { ...before, stage: 'denoising', fraction: conditioningShare }
      case 'step-end':
        return this.#afterStep({ ...before, step: event.step, of: event.of }, event.seconds)
      case 'preview': {
        const { stepSeconds: _, ...progress } = this.#progress
        return { ...progress, previewStep: event.step }
      }
      case 'frames-decoded': {
        this.#decoded = (event.first + event.count) / event.of
        const stage = step === of ? 'decoding' : 'denoising'
        return { ...before, stage, fraction: this.#fraction(before) }
      }
      case 'video-end':
        return { ...before, stage: 'decoding', fraction: 1 }
      default:
        return undefined
    }
  }

  #afterStep(before: Pick<HostProgress, 'fraction' | 'step' | 'of'>, seconds: number): HostProgress {
    this.#seconds = [...this.#seconds, seconds].slice(-remembered)
    const perStep = this.#seconds.reduce((sum, each) => sum + each) / this.#seconds.length
    const secondsLeft = (perStep * (before.of - before.step)) / (1 - decodingShare)
    return {
      ...before,
      stage: 'denoising',
      fraction: this.#fraction(before),
      secondsLeft,
      stepSeconds: seconds,
    }
  }

  /** A run that is resumed after its last step has no steps: all of them are done. */
  #fraction({ step, of }: Pick<HostProgress, 'step' | 'of'>): number {
    const steps = of === 0 ? 1 : step / of
    return conditioningShare + (1 - conditioningShare - decodingShare) * steps + decodingShare * this.#decoded
  }
}
