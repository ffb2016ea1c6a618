import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { draft, draftFit, draftFps, draftSize } from '../make/draft.ts'
import { texts } from '../texts/texts.ts'
import { middleOf } from '../watch/frames.ts'
import { drawEdit, drawEdits, type MaskEdit, type Point, paintedShare } from './mask-edits.ts'

interface MaskBoardProps {
  /** Whether it begins with the focus. */
  readonly focused: boolean
  readonly edits: readonly MaskEdit[]
  /** What is painted over. */
  readonly layer: HTMLCanvasElement | undefined
  /** The frame of the control video that is shown, from 0. */
  readonly frame: number
  readonly radius: number
  readonly erases: boolean
  readonly onStroke: (points: readonly Point[]) => void
  readonly onRadius: (radius: number) => void
  readonly onUndo: () => void
  /** Told how much is painted, from 0 to 1. */
  readonly onShare: (share: number) => void
}

const directions: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

const radiusStep = 0.01

/** A frame with the mask over it. Painted on by a pointer, or by keys that move the brush. */
export function MaskBoard({ focused, edits, layer, frame, radius, erases, ...on }: MaskBoardProps) {
  const { width, height } = draftSize.value
  const about = useId()
  const board = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  /** The points of a stroke that the pointer has not ended. */
  const stroke = useRef<Point[] | undefined>(undefined)
  const [brush, setBrush] = useState<Point>({ x: 0.5, y: 0.5 })
  useEffect(() => {
    if (focused) board.current?.focus()
  }, [])
  useLayoutEffect(() => {
    const context = canvas.current!.getContext('2d', { willReadFrequently: true })!
    drawEdits(context, edits, layer)
    on.onShare(paintedShare(context))
  }, [edits, layer, width, height])
  const pointOf = ({ clientX, clientY }: PointerEvent): Point => {
    const box = canvas.current!.getBoundingClientRect()
    return { x: within((clientX - box.left) / box.width), y: within((clientY - box.top) / box.height) }
  }
  const draw = (points: readonly Point[]) =>
    drawEdit(canvas.current!.getContext('2d')!, { type: 'stroke', erases, radius, points })
  const end = () => {
    const points = stroke.current
    stroke.current = undefined
    if (points) on.onStroke(points)
  }
  const moveBrush = ([x, y]: readonly [number, number], paints: boolean) => {
    const step = (radius * Math.min(width, height)) / 2
    const to = { x: within(brush.x + (x * step) / width), y: within(brush.y + (y * step) / height) }
    setBrush(to)
    if (paints) on.onStroke([brush, to])
  }
  const keys: Readonly<Record<string, () => void>> = {
    ' ': () => on.onStroke([brush]),
    '[': () => on.onRadius(radius - radiusStep),
    ']': () => on.onRadius(radius + radiusStep),
  }
  const side = (length: number) => `${(200 * radius * Math.min(width, height)) / length}%`
  return (
    <>
      <div
        ref={board}
        class={`mask-board fit-${draftFit.value}`}
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application is operated by keys.
        tabIndex={0}
        aria-label={texts.mask.board}
        aria-describedby={about}
        style={{ aspectRatio: `${width} / ${height}` }}
        onKeyDown={event => {
          const { key, ctrlKey, metaKey, shiftKey } = event
          const control = ctrlKey || metaKey
          const direction = directions[key]
          const press = control
            ? key === 'z'
              ? on.onUndo
              : undefined
            : direction
              ? () => moveBrush(direction, shiftKey)
              : keys[key]
          if (!press) return
          event.preventDefault()
          press()
        }}
      >
        <ShownFrame frame={frame} />
        <canvas
          ref={canvas}
          width={width}
          height={height}
          onPointerDown={event => {
            if (event.button !== 0) return
            event.currentTarget.setPointerCapture(event.pointerId)
            const point = pointOf(event)
            stroke.current = [point]
            setBrush(point)
            draw([point])
          }}
          onPointerMove={event => {
            const point = pointOf(event)
            setBrush(point)
            const points = stroke.current
            if (!points) return
            draw([points.at(-1)!, point])
            points.push(point)
          }}
          onPointerUp={end}
          onPointerCancel={end}
        />
        <span
          class="mask-brush"
          aria-hidden="true"
          style={{
            left: `${100 * brush.x}%`,
            top: `${100 * brush.y}%`,
            width: side(width),
            height: side(height),
          }}
        />
      </div>
      <p class="muted mask-note" id={about}>
        {texts.mask.keys}
      </p>
    </>
  )
}

const within = (share: number) => Math.min(1, Math.max(0, share))

/** A frame of the control video, as the model sees it; nothing without a video. */
function ShownFrame({ frame }: { readonly frame: number }) {
  const { video } = draft.value
  const fps = draftFps.value
  const element = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    if (element.current) element.current.currentTime = middleOf(frame, fps)
  }, [frame, fps, video?.url])
  if (video?.kind !== 'video') return null
  return (
    <video ref={element} src={video.url} muted playsInline preload="auto" aria-hidden="true" tabIndex={-1} />
  )
}
