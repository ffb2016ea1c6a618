import { useRef, useState } from 'preact/hooks'
import type { TaskView } from '../../server/framewright/contract.ts'
import { IconButton } from '../controls/icon-button.tsx'
import { ownAddress } from '../server/call.ts'
import { texts } from '../texts/texts.ts'
import { FrameBar } from './frame-bar.tsx'
import { pixelsClass } from './pixels.ts'
import { useInStep } from './use-in-step.ts'

/** Plays the video of a task, frame by frame where it is asked to. */
export function Player({ task }: { readonly task: TaskView }) {
  const video = useRef<HTMLVideoElement>(null)
  const [silent, setSilent] = useState(true)
  const { frames = 1, fps = 1, width = 16, height = 9, sound } = task.result ?? {}
  const bar = useInStep(task.id, () => [{ video: video.current!, frames, fps }], [{ frames, fps }])
  const keys: Readonly<Record<string, () => void>> = {
    ' ': bar.onToggle,
    ArrowLeft: () => bar.onFrame(bar.frame - 1),
    ArrowRight: () => bar.onFrame(bar.frame + 1),
    Home: () => bar.onFrame(0),
    End: () => bar.onFrame(frames - 1),
  }
  return (
    <div class="player">
      <div class="frame" style={{ aspectRatio: `${width} / ${height}` }}>
        <video
          ref={video}
          class={pixelsClass(width)}
          src={ownAddress(task.outputs.video!)}
          poster={task.outputs.thumbnail && ownAddress(task.outputs.thumbnail)}
          aria-label={texts.player.label}
          tabIndex={0}
          playsInline
          preload="auto"
          muted={silent}
          onClick={bar.onToggle}
          onKeyDown={event => {
            const press = keys[event.key]
            if (!press) return
            event.preventDefault()
            press()
          }}
        />
      </div>
      <FrameBar {...bar}>
        {sound && (
          <IconButton
            icon={silent ? 'silent' : 'sound'}
            label={silent ? texts.player.sound : texts.player.silent}
            onPress={() => setSilent(!silent)}
          />
        )}
      </FrameBar>
    </div>
  )
}
