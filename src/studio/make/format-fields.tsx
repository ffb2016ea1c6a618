import { Choices } from '../controls/choices.tsx'
import { Field } from '../controls/field.tsx'
import { NumberInput } from '../controls/number-input.tsx'
import { changeFrames } from '../direct/placing.ts'
import { secondsText } from '../format.ts'
import { nearest, sizePresets } from '../models/sizes.ts'
import { texts } from '../texts/texts.ts'
import { draft, draftFps, draftFrames, draftModel, draftSize, setValue, setValues } from './draft.ts'

/** Size and length. */
export function FormatFields() {
  const model = draftModel.value
  if (!model) return null
  return (
    <>
      <Field label={texts.make.size} name="width" group>
        {() => <SizeInputs />}
      </Field>
      <LengthField />
    </>
  )
}

function SizeInputs() {
  const model = draftModel.value!
  const { sizes } = model
  const size = draftSize.value
  const presets = sizePresets(model)
  const chosen = presets.find(each => each.width === size.width && each.height === size.height)
  const fitting = { width: nearest(sizes.width, size.width), height: nearest(sizes.height, size.height) }
  const fits = fitting.width === size.width && fitting.height === size.height
  return (
    <div class="size">
      <Choices
        label={texts.make.size}
        name="size"
        value={chosen?.name}
        choices={presets.map(each => ({
          value: each.name,
          text: each.name,
          about: `${each.width} × ${each.height}`,
        }))}
        onChoice={name => {
          const preset = presets.find(each => each.name === name)!
          setValues({ width: preset.width, height: preset.height })
        }}
      />
      <div class="size-inputs">
        <SideInput side="width" />
        <span aria-hidden="true">×</span>
        <SideInput side="height" />
        {!fits && (
          <button type="button" class="quiet" onClick={() => setValues(fitting)}>
            {texts.make.use(`${fitting.width} × ${fitting.height}`)}
          </button>
        )}
      </div>
    </div>
  )
}

function SideInput({ side }: { readonly side: 'width' | 'height' }) {
  const { sizes, defaults } = draftModel.value!
  return (
    <input
      type="number"
      aria-label={texts.make[side]}
      value={String(draft.value.values[side] ?? '')}
      placeholder={String(defaults[side])}
      min={sizes[side].first}
      step={sizes[side].step}
      onInput={event => setValue(side, event.currentTarget.valueAsNumber || undefined)}
    />
  )
}

/** Beyond this many steps a slider is no use: the number is typed. */
const longestSlider = 400

function LengthField() {
  const { sizes, defaults } = draftModel.value!
  const fps = draftFps.value
  const frames = draftFrames.value
  const { first, step, last = first + longestSlider } = sizes.frames
  return (
    <Field
      label={texts.make.length}
      name="frames"
      aside={<output>{texts.make.lengthText(frames, secondsText(frames / fps))}</output>}
    >
      {ids => (
        <div class="slider">
          <input
            {...ids}
            type="range"
            min={first}
            max={last}
            step={step}
            value={frames}
            aria-valuetext={texts.make.lengthText(frames, secondsText(frames / fps))}
            onInput={event => changeFrames(event.currentTarget.valueAsNumber)}
          />
          <NumberInput
            ids={{ ...ids, id: `${ids.id}-number`, 'aria-label': texts.make.frames }}
            value={draft.value.values.frames as number | undefined}
            fallback={defaults.frames}
            min={first}
            max={last}
            step={step}
            onValue={changeFrames}
          />
        </div>
      )}
    </Field>
  )
}
