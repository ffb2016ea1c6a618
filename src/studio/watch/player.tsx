import { useEffect, useRef, useState } from 'preact/hooks'
import type { TaskView } from '../../server/framewright/contract.ts'
import { IconButton } from '../controls/icon-button.tsx'
import { reducedMotion } from '../reduced-motion.ts'
import { ownAddress } from '../server/call.ts'
import { texts } from '../texts/texts.ts'
import { FrameBar } from './frame-bar.tsx'
import { followFrames, middleOf } from './frames.ts'
import { pixelsClass } from './pixels.ts'

/** Plays the video of a task, frame by frame where it is asked to. */
export function Player({ task }: { readonly task: TaskView }) {
  const video = useRef<HTMLVideoElement>(null)
  const [playing, setPlaying] = useState(false)
  const [loop, setLoop] = useState(true)
  const [silent, setSilent] = useState(true)
  const [speed, setSpeed] = useState(1)
  const [frame, setFrame] = useState(0)
  const { frames = 1, fps = 1, width = 16, height = 9 } = task.result ?? {}
  useEffect(() => followFrames(video.current!, { frames, fps }, setFrame), [fps, frames])
  const show = (wanted: number) => {
    const element = video.current!
    element.pause()
    element.currentTime = middleOf(Math.min(frames - 1, Math.max(0, wanted)), fps)
  }
  const toggle = () => void (playing ? video.current?.pause() : video.current?.play().catch(() => undefined))
  const keys: Readonly<Record<string, () => void>> = {
    ' ': toggle,
    ArrowLeft: () => show(frame - 1),
    ArrowRight: () => show(frame + 1),
    Home: () => show(0),
    End: () => show(frames - 1),
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
          loop={loop}
          playsInline
          autoplay={!reducedMotion()}
          muted={silent}
          onPlay={() => setPlaying(true)}
          onPause={() => setPlaying(false)}
          onClick={toggle}
          onKeyDown={event => {
            const press = keys[event.key]
            if (!press) return
            event.preventDefault()
            press()
          }}
        />
      </div>
      <FrameBar
        playing={playing}
        frame={frame}
        frames={frames}
        loop={loop}
        speed={speed}
        onToggle={toggle}
        onFrame={show}
        onLoop={setLoop}
        onSpeed={rate => {
          setSpeed(rate)
          video.current!.playbackRate = rate
        }}
      >
        <IconButton
          icon={silent ? 'silent' : 'sound'}
          label={silent ? texts.player.sound : texts.player.silent}
          onPress={() => setSilent(!silent)}
        />
      </FrameBar>
    </div>
  )
}
