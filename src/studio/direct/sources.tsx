import { Field } from '../controls/field.tsx'
import { FilePicker } from '../controls/file-picker.tsx'
import { IconButton } from '../controls/icon-button.tsx'
import { changeDraft, draft, draftModel, setValue, usualStrength } from '../make/draft.ts'
import { texts } from '../texts/texts.ts'
import { sourceOf } from './read-source.ts'
import type { Source } from './source.ts'
import { StrengthSlider } from './strength-slider.tsx'
import { Thumbnail } from './thumbnail.tsx'

/** Videos and pictures that are no frames of the clip, as far as the model takes them. */
export function Sources() {
  const model = draftModel.value
  const { video, extend, references, values } = draft.value
  if (!model) return null
  const { modes } = model
  const startsFrom = modes.includes('video')
  return (
    <>
      {(startsFrom || modes.includes('control')) && (
        <SourceField
          label={startsFrom ? texts.direct.video : texts.direct.control}
          name="video"
          source={video}
          accept="video/*"
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
      {model.extends && extend && (
        <SourceField
          label={texts.direct.extend}
          name="extend"
          source={extend}
          accept="video/*"
          onSource={each => changeDraft({ extend: each })}
        />
      )}
      {modes.includes('references') && (
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
              <FilePicker
                accept="image/*"
                multiple
                onFiles={files =>
                  changeDraft({ references: [...references, ...files.flatMap(file => sourceOf(file) ?? [])] })
                }
              >
                {texts.direct.add}
              </FilePicker>
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
  readonly accept: string
  readonly onSource: (source: Source | undefined) => void
}

function SourceField({ label, name, source, accept, onSource }: SourceFieldProps) {
  return (
    <Field label={label} name={name} group>
      {() =>
        source ? (
          <SourceChip source={source} onRemove={() => onSource(undefined)} />
        ) : (
          <FilePicker accept={accept} onFiles={([file]) => onSource(file && sourceOf(file))}>
            {texts.direct.videoAdd}
          </FilePicker>
        )
      }
    </Field>
  )
}

function SourceChip({ source, onRemove }: { readonly source: Source; readonly onRemove: () => void }) {
  return (
    <div class="source">
      <Thumbnail source={source} />
      <span class="file-name">{source.name}</span>
      <IconButton icon="close" label={texts.direct.remove(source.name)} onPress={onRemove} />
    </div>
  )
}
