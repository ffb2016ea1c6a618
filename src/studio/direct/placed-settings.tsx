import { Choices } from '../controls/choices.tsx'
import { Field } from '../controls/field.tsx'
import { IconButton } from '../controls/icon-button.tsx'
import { draftFit, draftFrames, draftSize, setValue } from '../make/draft.ts'
import { texts } from '../texts/texts.ts'
import { changePlaced, movePlaced, removePlaced } from './placing.ts'
import type { Placed } from './source.ts'
import { StrengthSlider } from './strength-slider.tsx'
import { Thumbnail } from './thumbnail.tsx'

const fits = ['crop', 'stretch'] as const

/** The picture that is selected on the timeline, as the model sees it, and how it is held. */
export function PlacedSettings({ placed }: { readonly placed: Placed }) {
  const { id, name, frame, strength } = placed
  const { width, height } = draftSize.value
  const fit = draftFit.value
  return (
    <div class="placed-settings">
      <figure
        class={`as-model fit-${fit}`}
        title={texts.direct.fitAbout}
        style={{ aspectRatio: `${width} / ${height}` }}
      >
        <Thumbnail source={placed} />
        <figcaption class="unseen">{texts.direct.fitAbout}</figcaption>
      </figure>
      <div class="placed-fields">
        <div class="field-head">
          <span class="file-name">{name}</span>
          <IconButton icon="trash" label={texts.direct.remove(name)} onPress={() => removePlaced(id)} />
        </div>
        <div class="row">
          <Field label={texts.direct.frame}>
            {ids => (
              <input
                {...ids}
                type="number"
                min={1}
                max={draftFrames.value}
                value={String(frame + 1)}
                onChange={event => movePlaced(id, event.currentTarget.valueAsNumber - 1)}
              />
            )}
          </Field>
          <StrengthSlider strength={strength} onStrength={next => changePlaced(id, { strength: next })} />
        </div>
        <Choices
          label={texts.direct.fit}
          name="fit"
          value={fit}
          choices={fits.map(value => ({ value, text: texts.direct.fits[value] }))}
          onChoice={value => setValue('fit', value)}
        />
      </div>
    </div>
  )
}
