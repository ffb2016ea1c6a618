import { useRef, useState } from 'preact/hooks'
import type { TaskView } from '../../server/framewright/contract.ts'
import { knownTask } from '../tasks/task-store.ts'
import { texts } from '../texts/texts.ts'
import { FrameBar } from '../watch/frame-bar.tsx'
import type { Clip } from '../watch/in-step.ts'
import { useInStep } from '../watch/use-in-step.ts'
import { CompareCell } from './compare-cell.tsx'
import type { Difference } from './differences.ts'

interface StepPlayerProps {
  readonly tasks: readonly TaskView[]
  readonly differences: readonly Difference[]
}

/** Videos side by side under one bar; those that are not there yet show how far they are. */
export function StepPlayer({ tasks, differences }: StepPlayerProps) {
  const videos = useRef(new Map<string, HTMLVideoElement>())
  /** The task whose sound is heard. */
  const [heard, setHeard] = useState('')
  const done = tasks.filter(({ outputs }) => outputs.video !== undefined)
  const audible = done.filter(({ result }) => result?.sound !== undefined)
  const clips = () =>
    done.flatMap(({ id, result }): Clip[] => {
      const video = videos.current.get(id)
      return video && result ? [{ video, frames: result.frames, fps: result.fps }] : []
    })
  const lengths = done.flatMap(({ result }) => result ?? [])
  const bar = useInStep(
    done.map(({ id }) => id).join(),
    clips,
    lengths.length > 0 ? lengths : [{ frames: 1, fps: 1 }],
  )
  return (
    <div class="step-player">
      <ul class={`cells cells-${Math.min(4, tasks.length)}`}>
        {tasks.map((task, index) => (
          <li key={task.id}>
            <CompareCell
              task={task}
              preview={knownTask(task.id)?.value.preview}
              place={index + 1}
              silent={heard !== task.id}
              differences={differences.map(({ name, values }) => ({ name, value: values[index] }))}
              onVideo={video => {
                if (video) videos.current.set(task.id, video)
                else videos.current.delete(task.id)
              }}
            />
          </li>
        ))}
      </ul>
      {lengths.length > 0 && (
        <FrameBar {...bar}>
          {audible.length > 0 && (
            <select
              aria-label={texts.compare.sound}
              value={heard}
              onChange={event => setHeard(event.currentTarget.value)}
            >
              <option value="">{texts.compare.silent}</option>
              {audible.map(({ id }) => (
                <option key={id} value={id}>
                  {texts.compare.soundOf(tasks.findIndex(task => task.id === id) + 1)}
                </option>
              ))}
            </select>
          )}
        </FrameBar>
      )}
    </div>
  )
}
