import { Field } from '../controls/field.tsx'
import { changeDraft, draft, draftModel, setValue, usualStrength } from '../make/draft.ts'
import { MaskField } from '../mask/mask-field.tsx'
import { takesField } from '../models/capabilities.ts'
import { texts } from '../texts/texts.ts'
import type { Source } from './source.ts'
import { SourceChip } from './source-chip.tsx'
import { SourcePicker } from './source-picker.tsx'
import { StrengthSlider } from './strength-slider.tsx'

/** Videos and pictures that are no frames of the clip, as far as the model takes them. */
export function Sources() {
  const model = draftModel.value
  const { video, extend, references, values } = draft.value
  if (!model) return null
  const takes = (name: string) => takesField(model, name)
  const startsFrom = model.modes.includes('video')
  return (
    <>
      {takes('video') && (
        <SourceField
          label={startsFrom ? texts.direct.video : texts.direct.control}
          name="video"
          source={video}
          onSource={each => changeDraft({ video: each })}
        />
      )}
      {video && startsFrom && (
        <StrengthSlider
          name="strength"
          strength={(values.strength as number | undefined) ?? usualStrength}
          onStrength={strength => setValue('strength', strength)}
        />
      )}
      {takes('mask') && <MaskField />}
      {takes('extend') && extend && (
        <SourceField
          label={texts.direct.extend}
          name="extend"
          source={extend}
          onSource={each => changeDraft({ extend: each })}
        />
      )}
      {takes('references') && (
        <Field label={texts.direct.references} name="references" group>
          {() => (
            <div class="references">
              {references.map(each => (
                <SourceChip
                  key={each.id}
                  source={each}
                  onRemove={() => changeDraft({ references: references.filter(({ id }) => id !== each.id) })}
                />
              ))}
              <SourcePicker
                kinds={['image']}
                multiple
                onSources={added => changeDraft({ references: [...references, ...added] })}
              >
                {texts.direct.add}
              </SourcePicker>
            </div>
          )}
        </Field>
      )}
    </>
  )
}

interface SourceFieldProps {
  readonly label: string
  readonly name: string
  readonly source: Source | undefined
  readonly onSource: (source: Source | undefined) => void
}

function SourceField({ label, name, source, onSource }: SourceFieldProps) {
  return (
    <Field label={label} name={name} group>
      {() =>
        source ? (
          <SourceChip source={source} onRemove={() => onSource(undefined)} />
        ) : (
          <SourcePicker kinds={['video']} onSources={([first]) => onSource(first)}>
            {texts.direct.videoAdd}
          </SourcePicker>
        )
      }
    </Field>
  )
}
