import type { ComponentChildren } from 'preact'
import { IconButton } from '../controls/icon-button.tsx'
import { texts } from '../texts/texts.ts'

const speeds = [0.25, 0.5, 1, 2] as const

export interface FrameBarProps {
  readonly playing: boolean
  /** From 0. */
  readonly frame: number
  readonly frames: number
  readonly loop: boolean
  readonly speed: number
  readonly onToggle: () => void
  readonly onFrame: (frame: number) => void
  readonly onLoop: (loop: boolean) => void
  readonly onSpeed: (speed: number) => void
  /** Before the speed. */
  readonly children?: ComponentChildren
}

/** The controls of one video, or of several that are played in step. */
export function FrameBar(props: FrameBarProps) {
  const { playing, frame, frames, loop, speed, onToggle, onFrame, onLoop, onSpeed, children } = props
  return (
    <div class="player-bar">
      <IconButton
        icon={playing ? 'pause' : 'play'}
        label={playing ? texts.player.pause : texts.player.play}
        onPress={onToggle}
      />
      <IconButton icon="back" label={texts.player.back} onPress={() => onFrame(frame - 1)} />
      <IconButton icon="forward" label={texts.player.forward} onPress={() => onFrame(frame + 1)} />
      <input
        type="range"
        aria-label={texts.player.position}
        aria-valuetext={texts.player.frame(frame + 1, frames)}
        min={0}
        max={frames - 1}
        value={frame}
        onInput={event => onFrame(event.currentTarget.valueAsNumber)}
      />
      <output>{texts.player.frame(frame + 1, frames)}</output>
      <IconButton icon="loop" label={texts.player.loop} pressed={loop} onPress={() => onLoop(!loop)} />
      {children}
      <select
        aria-label={texts.player.speed}
        value={speed}
        onChange={event => onSpeed(Number(event.currentTarget.value))}
      >
        {speeds.map(each => (
          <option key={each} value={each}>
            {each}×
          </option>
        ))}
      </select>
    </div>
  )
}
