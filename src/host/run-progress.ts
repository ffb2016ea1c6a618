import type { RenderEvent } from '../index.ts'
import type { HostProgress } from './protocol.ts'

/** Shares of a run: the steps have what conditioning and decoding leave. */
const conditioningShare = 0.02
const decodingShare = 0.1

/** Steps from which what is left is estimated: the last few, as the first one may load a model. */
const remembered = 8

/** Follows the events of a run, and says how far it is. */
export class RunProgress {
  #progress: HostProgress = { fraction: 0, stage: 'loading', step: 0, of: 0 }
  #seconds: number[] = []

  get now(): HostProgress {
    return this.#progress
  }

  /** @returns whether the progress is another now */
  take(event: RenderEvent): boolean {
    const next = this.#after(event)
    if (next === undefined) return false
    // A resumed run goes through conditioning again: what was reached stays reached.
    this.#progress = { ...next, fraction: Math.max(next.fraction, this.#progress.fraction) }
    return true
  }

  #after(event: RenderEvent): HostProgress | undefined {
    const { previewStep } = this.#progress
    const before = {
      step: this.#progress.step,
      of: this.#progress.of,
      ...(previewStep !== undefined && { previewStep }),
    }
    switch (event.type) {
      case 'start':
        return { ...before, stage: 'conditioning', fraction: 0 }
      case 'conditioning-ready':
        return { ...before, stage: 'denoising', fraction: conditioningShare }
      case 'step-end': {
        const { step, of, seconds } = event
        this.#seconds = [...this.#seconds, seconds].slice(-remembered)
        const perStep = this.#seconds.reduce((sum, each) => sum + each) / this.#seconds.length
        const fraction = conditioningShare + (1 - conditioningShare - decodingShare) * (step / of)
        const secondsLeft = (perStep * (of - step)) / (1 - decodingShare)
        return { ...before, stage: 'denoising', step, of, fraction, secondsLeft, stepSeconds: seconds }
      }
      case 'preview': {
        const { stepSeconds: _, ...progress } = this.#progress
        return { ...progress, previewStep: event.step }
      }
      case 'frames-decoded': {
        const decoded = (event.first + event.count) / event.of
        return { ...before, stage: 'decoding', fraction: 1 - decodingShare * (1 - decoded) }
      }
      default:
        return undefined
    }
  }
}
