import { useRef, useState } from 'preact/hooks'
import { FilePicker } from '../controls/file-picker.tsx'
import { Icon } from '../controls/icon.tsx'
import { draft, draftFrames, draftModel } from '../make/draft.ts'
import { texts } from '../texts/texts.ts'
import { placesOf } from './keyframe-fields.ts'
import { PlacedMark } from './placed-mark.tsx'
import { PlacedSettings } from './placed-settings.tsx'
import { placeFiles, refusedFiles, selectedPlaced } from './placing.ts'
import { acceptOf, sourceKinds } from './read-source.ts'

/** The clip as a line of frames, with the pictures that stand at them; nothing for models that take none. */
export function Timeline() {
  const track = useRef<HTMLDivElement>(null)
  const [over, setOver] = useState(false)
  const model = draftModel.value
  const frames = draftFrames.value
  const { placed } = draft.value
  if (!model || (placesOf(model, frames) !== 'any' && placesOf(model, frames).length === 0)) return null
  const frameAt = (clientX: number) => {
    const { left, width } = track.current!.getBoundingClientRect()
    return Math.round(Math.min(1, Math.max(0, (clientX - left) / width)) * (frames - 1))
  }
  const selected = placed.find(({ id }) => id === selectedPlaced.value)
  return (
    <section class="timeline" aria-label={texts.direct.timeline}>
      <div class="field-head">
        <span class="label">{texts.direct.title}</span>
        <FilePicker accept={acceptOf(sourceKinds)} multiple onFiles={files => void placeFiles(files)}>
          <Icon name="picture" /> {texts.direct.add}
        </FilePicker>
      </div>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the picker does the same by keyboard. */}
      <div
        class={over ? 'track drop-over' : 'track'}
        ref={track}
        onDragOver={event => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={event => {
          event.preventDefault()
          event.stopPropagation()
          setOver(false)
          void placeFiles(event.dataTransfer?.files ?? [], frameAt(event.clientX))
        }}
      >
        <Ticks frames={frames} />
        {placed.length === 0 && <p class="muted">{texts.direct.drop}</p>}
        {placed.map(each => (
          <PlacedMark key={each.id} placed={each} frames={frames} frameAt={frameAt} />
        ))}
      </div>
      {refusedFiles.value.map(text => (
        <p class="issue" role="alert" key={text}>
          {text}
        </p>
      ))}
      {selected && <PlacedSettings placed={selected} />}
    </section>
  )
}

const mostTicks = 40

function Ticks({ frames }: { readonly frames: number }) {
  const step = Math.max(1, Math.ceil(frames / mostTicks))
  const ticks = Array.from({ length: Math.ceil(frames / step) }, (_, index) => index * step)
  return (
    <svg
      class="ticks"
      viewBox={`0 0 ${Math.max(1, frames - 1)} 10`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {ticks.map(frame => (
        <line key={frame} x1={frame} x2={frame} y1={frame % (5 * step) === 0 ? 4 : 7} y2={10} />
      ))}
    </svg>
  )
}
