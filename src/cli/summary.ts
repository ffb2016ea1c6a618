import type { VideoWrittenEvent } from '../engine/render.ts'
import type { MemoryPlanEvent, NoticeEvent, StartEvent, VideoEndEvent } from '../pipeline/events.ts'
import { frameSize } from '../pipeline/upsample.ts'
import { inFlags } from './flag-names.ts'
import { bytesText, counted, durationText } from './quantities.ts'

/** What is going to be made: the request with every default filled in. */
export function startText({ plan, device, sound }: StartEvent): string {
  const { frames, fps, steps, guidance, seed } = plan
  const { width, height } = frameSize(plan)
  const size = `${width}x${height}, ${counted(frames, 'frame')} at ${fps} fps`
  const heard = sound ? ', with sound' : ''
  return `${size}${heard}, ${counted(steps, 'step')}, guidance ${guidance.join()}, seed ${seed}, on ${device}`
}

/** That the memory ran out, and how the run goes on. */
export function memoryPlanText({ text }: MemoryPlanEvent): string {
  return `out of memory: the run goes on, ${text}`
}

/** A line for the file and a line for the time, each with its end. */
export function summaryText(
  written: VideoWrittenEvent,
  { plan, seconds, skippedSteps, unguidedSteps }: VideoEndEvent,
  factor: number,
): string {
  const { width, height } = frameSize(plan)
  const size = `${width * factor}x${height * factor}`
  const length = `${counted(written.frames, 'frame')} (${durationText(written.frames / plan.fps)})`
  const file = `${written.path}: ${size}, ${length}, ${bytesText(written.bytes)}, seed ${plan.seed}`
  const stages = [
    `conditioning ${durationText(seconds.conditioning)}`,
    `denoising ${durationText(seconds.denoising)} (${durationText(seconds.denoising / plan.steps)} a step${leftOutText(skippedSteps, unguidedSteps)})`,
    `decoding ${durationText(seconds.decoding)}`,
    `total ${durationText(seconds.total)}`,
  ]
  return `${file}\n${stages.join(', ')}\n`
}

/** Steps in which the network did not run, and those in which it ran for the prompt alone. */
function leftOutText(skipped: number, unguided: number): string {
  return [
    skipped === 0 ? '' : `, ${counted(skipped, 'step')} skipped`,
    unguided === 0 ? '' : `, ${counted(unguided, 'step')} without guidance`,
  ].join('')
}

/** A line with its end. */
export function noticeText({ message }: NoticeEvent): string {
  return `notice: ${inFlags(message)}\n`
}
