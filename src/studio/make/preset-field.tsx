import { Field } from '../controls/field.tsx'
import { texts } from '../texts/texts.ts'
import { draft, draftModel, draftPreset, setValue } from './draft.ts'

/** Settings of few-step models and adapters that are known for the model; nothing where none are. */
export function PresetField() {
  const presets = draftModel.value?.presets ?? []
  if (presets.length === 0) return null
  return (
    <Field label={texts.make.preset} name="preset">
      {ids => (
        <>
          <select
            {...ids}
            value={String(draft.value.values.preset ?? '')}
            onChange={event => setValue('preset', event.currentTarget.value || undefined)}
          >
            <option value="">{texts.make.noPreset}</option>
            {presets.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
          {draftPreset.value && (
            <p class="muted preset-about">{texts.make.presetFor(draftPreset.value.what)}</p>
          )}
        </>
      )}
    </Field>
  )
}
