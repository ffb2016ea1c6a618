import { texts } from '../texts/texts.ts'
import { movePlaced, removePlaced, selectedPlaced } from './placing.ts'
import type { Placed } from './source.ts'
import { Thumbnail } from './thumbnail.tsx'

interface PlacedMarkProps {
  readonly placed: Placed
  readonly frames: number
  readonly frameAt: (clientX: number) => number
}

const page = 10

/** A picture on the timeline: dragged, or moved by keys. */
export function PlacedMark({ placed, frames, frameAt }: PlacedMarkProps) {
  const { id, name, frame } = placed
  const moves: Readonly<Record<string, number>> = {
    ArrowLeft: frame - 1,
    ArrowDown: frame - 1,
    ArrowRight: frame + 1,
    ArrowUp: frame + 1,
    PageDown: frame - page,
    PageUp: frame + page,
    Home: 0,
    End: frames - 1,
  }
  return (
    <button
      type="button"
      class="placed"
      aria-pressed={selectedPlaced.value === id}
      aria-label={texts.direct.at(name, frame + 1, frames)}
      title={texts.direct.keys}
      style={{ left: `${frames > 1 ? (100 * frame) / (frames - 1) : 0}%` }}
      onClick={() => {
        selectedPlaced.value = id
      }}
      onPointerDown={event => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={event => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) movePlaced(id, frameAt(event.clientX))
      }}
      onKeyDown={event => {
        const to = moves[event.key]
        if (to === undefined && event.key !== 'Delete' && event.key !== 'Backspace') return
        event.preventDefault()
        if (to === undefined) removePlaced(id)
        else movePlaced(id, Math.min(frames - 1, Math.max(0, to)))
      }}
    >
      <Thumbnail source={placed} />
    </button>
  )
}
