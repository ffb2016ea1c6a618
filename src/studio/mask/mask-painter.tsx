import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import { Choices } from '../controls/choices.tsx'
import { Field } from '../controls/field.tsx'
import { changeDraft, draft, draftFit, draftFrames, draftSize } from '../make/draft.ts'
import { texts } from '../texts/texts.ts'
import { maskOf, paintingOf, releaseMask } from './mask.ts'
import { MaskBoard } from './mask-board.tsx'
import { type MaskEdit, maskLayer, type Point } from './mask-edits.ts'

const tools = ['paint', 'erase'] as const

const brushSizes = { min: 0.01, max: 0.3, step: 0.01, usual: 0.08 } as const

interface MaskPainterProps {
  /** Whether it begins with the focus. */
  readonly focused: boolean
  readonly onRemove: () => void
}

/** Paints a mask over a frame of the control video, and makes its file after every step. */
export function MaskPainter({ focused, onRemove }: MaskPainterProps) {
  const { mask, video } = draft.value
  const { width, height } = draftSize.value
  const fit = draftFit.value
  const { edits, base } = paintingOf(mask)
  const [tool, setTool] = useState<(typeof tools)[number]>('paint')
  const [radius, setRadius] = useState<number>(brushSizes.usual)
  const [layer, broken] = useLayer(base?.url, { width, height, fit })
  const [share, setShare] = useState(0)
  const [frame, setFrame] = useState(0)
  const last = draftFrames.value - 1
  const shown = Math.min(frame, last)
  const ready = base === undefined || layer !== undefined
  const put = (next: readonly MaskEdit[]) => {
    if (!ready) return
    const made = maskOf({ edits: next, base, width, height }, layer)
    releaseMask(mask)
    changeDraft({ mask: made })
  }
  const painted = mask?.painted
  useEffect(() => {
    // Of another size than it was painted at: drawn again.
    if (painted && ready && (painted.width !== width || painted.height !== height)) put(edits)
  }, [width, height, ready])
  const undo = () => put(edits.slice(0, -1))
  return (
    <div class="mask-painter">
      <MaskBoard
        focused={focused}
        edits={edits}
        layer={layer}
        frame={shown}
        radius={radius}
        erases={tool === 'erase'}
        onStroke={(points: readonly Point[]) =>
          put([...edits, { type: 'stroke', erases: tool === 'erase', radius, points }])
        }
        onRadius={next => setRadius(Math.min(brushSizes.max, Math.max(brushSizes.min, next)))}
        onUndo={undo}
        onShare={setShare}
      />
      {broken && (
        <p class="issue" role="alert">
          {texts.mask.broken(base!.name)}
        </p>
      )}
      <div class="mask-tools">
        <Choices
          label={texts.mask.tool}
          name="mask-tool"
          value={tool}
          choices={tools.map(value => ({ value, text: texts.mask.tools[value] }))}
          onChoice={setTool}
        />
        <button type="button" class="quiet" disabled={edits.length === 0} onClick={undo}>
          {texts.mask.undo}
        </button>
        <button type="button" class="quiet" onClick={() => put([...edits, { type: 'invert' }])}>
          {texts.mask.invert}
        </button>
        <button type="button" class="quiet" onClick={() => put([...edits, { type: 'clear' }])}>
          {texts.mask.clear}
        </button>
        <button type="button" class="quiet" onClick={onRemove}>
          {texts.mask.remove}
        </button>
      </div>
      <Field label={texts.mask.brush} aside={<output>{Math.round(radius * 200)} %</output>}>
        {ids => (
          <input
            {...ids}
            type="range"
            min={brushSizes.min}
            max={brushSizes.max}
            step={brushSizes.step}
            value={radius}
            onInput={event => setRadius(event.currentTarget.valueAsNumber)}
          />
        )}
      </Field>
      {video && last > 0 && (
        <Field label={texts.mask.frame} aside={<output>{texts.player.frame(shown + 1, last + 1)}</output>}>
          {ids => (
            <input
              {...ids}
              type="range"
              min={0}
              max={last}
              value={shown}
              aria-valuetext={texts.player.frame(shown + 1, last + 1)}
              onInput={event => setFrame(event.currentTarget.valueAsNumber)}
            />
          )}
        </Field>
      )}
      <p class="muted mask-note" role="status">
        {texts.mask.share(Math.round(100 * share))}
      </p>
    </div>
  )
}

/** The file that is painted over, at the size of the clip; whether the browser cannot read it. */
function useLayer(
  url: string | undefined,
  shape: Parameters<typeof maskLayer>[1],
): [layer: HTMLCanvasElement | undefined, broken: boolean] {
  const [picture, setPicture] = useState<HTMLImageElement>()
  const [broken, setBroken] = useState(false)
  useEffect(() => {
    setPicture(undefined)
    setBroken(false)
    if (url === undefined) return
    const image = new Image()
    image.src = url
    image.decode().then(
      () => setPicture(image),
      () => setBroken(true),
    )
  }, [url])
  const [layer, setLayer] = useState<HTMLCanvasElement>()
  useLayoutEffect(() => {
    setLayer(picture && maskLayer(picture, shape))
  }, [picture, shape.width, shape.height, shape.fit])
  return [layer, broken]
}
