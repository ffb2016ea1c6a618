import { useEffect, useRef, useState } from 'preact/hooks'
import { reducedMotion } from '../reduced-motion.ts'
import type { FrameBarProps } from './frame-bar.tsx'
import { type Clip, type ClipLength, InStep, longestOf, type StepState } from './in-step.ts'

/**
 * Plays videos in step once all can be played, unless nothing is to move by itself.
 * @param key of the videos: others begin anew
 * @param clips reads the videos that are shown
 * @param lengths of them, at least one
 * @returns what the bar that controls them needs
 */
export function useInStep(
  key: string,
  clips: () => readonly Clip[],
  lengths: readonly ClipLength[],
): Omit<FrameBarProps, 'children'> {
  const player = useRef<InStep | undefined>(undefined)
  const [{ playing, frame }, setState] = useState<StepState>({ playing: false, frame: 0 })
  const [loop, setLoop] = useState(true)
  const [speed, setSpeed] = useState(1)
  useEffect(() => {
    const shown = clips()
    if (shown.length === 0) return
    const made = new InStep(shown, setState)
    made.loop = loop
    made.speed = speed
    player.current = made
    if (!reducedMotion()) void whenPlayable(shown).then(() => player.current === made && made.play())
    return () => {
      made[Symbol.dispose]()
      player.current = undefined
    }
  }, [key])
  const { frames } = longestOf(lengths)
  return {
    playing,
    frame: Math.min(frame, frames - 1),
    frames,
    loop,
    speed,
    onToggle: () => (playing ? player.current?.pause() : player.current?.play()),
    onFrame: wanted => player.current?.show(wanted),
    onLoop(next) {
      setLoop(next)
      if (player.current) player.current.loop = next
    },
    onSpeed(next) {
      setSpeed(next)
      if (player.current) player.current.speed = next
    },
  }
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
