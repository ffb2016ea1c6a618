import { Field } from '../controls/field.tsx'
import { fieldNamed } from '../models/capabilities.ts'
import { mostCompared } from '../tasks/chosen.ts'
import { texts } from '../texts/texts.ts'
import { changeDraft, draft } from './draft.ts'
import { fieldLabel } from './field-label.ts'
import { variedFields } from './variants.ts'

/** A grid over one setting: a video for each value, from the same seed. */
export function VariationField() {
  const { variation } = draft.value
  const { enum: choices } = (fieldNamed(variation.name)?.schema ?? {}) as { enum?: readonly string[] }
  return (
    <Field label={texts.vary.title} about={texts.vary.about(mostCompared)}>
      {ids => (
        <div class="variation">
          <select
            {...ids}
            value={variation.name}
            onChange={event => changeDraft({ variation: { name: event.currentTarget.value, values: '' } })}
          >
            <option value="">{texts.vary.none}</option>
            {variedFields().map(field => (
              <option key={field.name} value={field.name}>
                {fieldLabel(field.name)}
              </option>
            ))}
          </select>
          {variation.name !== '' && (
            <input
              type="text"
              aria-label={texts.vary.values}
              value={variation.values}
              placeholder={choices ? choices.slice(0, 3).join(', ') : texts.vary.hint}
              onInput={event =>
                changeDraft({ variation: { ...variation, values: event.currentTarget.value } })
              }
            />
          )}
        </div>
      )}
    </Field>
  )
}
