import { useEffect, useRef, useState } from 'preact/hooks'
import type { TaskView } from '../../server/framewright/contract.ts'
import { reducedMotion } from '../reduced-motion.ts'
import { knownTask } from '../tasks/task-store.ts'
import { FrameBar } from '../watch/frame-bar.tsx'
import { CompareCell } from './compare-cell.tsx'
import type { Difference } from './differences.ts'
import { type Clip, InStep, longestOf, type StepState } from './in-step.ts'

interface StepPlayerProps {
  readonly tasks: readonly TaskView[]
  readonly differences: readonly Difference[]
}

/** Videos side by side under one bar; those that are not there yet show how far they are. */
export function StepPlayer({ tasks, differences }: StepPlayerProps) {
  const videos = useRef(new Map<string, HTMLVideoElement>())
  const inStep = useRef<InStep | undefined>(undefined)
  const [state, setState] = useState<StepState>({ playing: false, frame: 0 })
  const [loop, setLoop] = useState(true)
  const [speed, setSpeed] = useState(1)
  const done = tasks.filter(({ outputs }) => outputs.video !== undefined)
  const ids = done.map(({ id }) => id).join()
  const lengths = done.map(({ result }) => result ?? { frames: 1, fps: 1 })
  useEffect(() => {
    const clips = done.flatMap(({ id, result }): Clip[] => {
      const video = videos.current.get(id)
      return video && result ? [{ video, frames: result.frames, fps: result.fps }] : []
    })
    if (clips.length === 0) return
    const player = new InStep(clips, setState)
    player.loop = loop
    player.speed = speed
    inStep.current = player
    if (!reducedMotion()) void whenPlayable(clips).then(() => inStep.current === player && player.play())
    return () => {
      player[Symbol.dispose]()
      inStep.current = undefined
    }
  }, [ids])
  const longest = lengths.length > 0 ? longestOf(lengths) : undefined
  return (
    <div class="step-player">
      <ul class={`cells cells-${Math.min(4, tasks.length)}`}>
        {tasks.map((task, index) => (
          <li key={task.id}>
            <CompareCell
              task={task}
              preview={knownTask(task.id)?.value.preview}
              place={index + 1}
              differences={differences.map(({ name, values }) => ({ name, value: values[index] }))}
              onVideo={video => {
                if (video) videos.current.set(task.id, video)
                else videos.current.delete(task.id)
              }}
            />
          </li>
        ))}
      </ul>
      {longest && (
        <FrameBar
          playing={state.playing}
          frame={Math.min(state.frame, longest.frames - 1)}
          frames={longest.frames}
          loop={loop}
          speed={speed}
          onToggle={() => (state.playing ? inStep.current?.pause() : inStep.current?.play())}
          onFrame={frame => inStep.current?.show(frame)}
          onLoop={next => {
            setLoop(next)
            if (inStep.current) inStep.current.loop = next
          }}
          onSpeed={next => {
            setSpeed(next)
            if (inStep.current) inStep.current.speed = next
          }}
        />
      )}
    </div>
  )
}

/** Until all can be played: they begin together. */
async function whenPlayable(clips: readonly Clip[]): Promise<void> {
  const enough = clips.map(({ video }) =>
    video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA
      ? undefined
      : new Promise(resolve => video.addEventListener('canplay', resolve, { once: true })),
  )
  await Promise.all(enough)
}
