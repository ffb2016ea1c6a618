import type { TaskView } from '../../server/framewright/contract.ts'
import { timeText } from '../format.ts'
import { ownAddress } from '../server/call.ts'
import { texts } from '../texts/texts.ts'
import { pixelsClass } from './pixels.ts'

interface ProgressProps {
  readonly task: TaskView
  readonly preview: string | undefined
}

/** How far a task is, with the picture that is forming. */
export function Progress({ task, preview }: ProgressProps) {
  const { state, progress, request, attempt: begun } = task
  const attempt = state === 'queued' ? begun + 1 : begun
  const picture = preview ?? (progress.preview && ownAddress(progress.preview.url))
  const { width = 16, height = 9 } = request
  const percent = Math.round(progress.fraction * 100)
  return (
    <>
      <div class="frame" style={{ aspectRatio: `${width} / ${height}` }}>
        {picture ? (
          <img class={`preview ${pixelsClass(Number(width))}`} src={picture} alt="" />
        ) : (
          <p class="muted">{texts.task.noPreview}</p>
        )}
      </div>
      <div class="progress">
        <progress max={100} value={percent} aria-label={texts.task.states[state]} />
        <p>{progressText(task)}</p>
        {attempt > 1 && <p class="muted">{texts.task.again(attempt)}</p>}
      </div>
    </>
  )
}

/** `Denoising · Step 3 of 20 · 12 s left`. */
function progressText({ state, progress, ahead }: TaskView): string {
  if (state === 'queued') return ahead > 0 ? texts.task.ahead(ahead) : texts.task.next
  const { stage, step, of, secondsLeft } = progress
  const parts = [
    texts.task.stages[stage],
    ...(of > 0 ? [texts.task.step(step, of)] : []),
    ...(secondsLeft === undefined ? [] : [texts.task.left(timeText(secondsLeft))]),
  ]
  return parts.join(' · ')
}
