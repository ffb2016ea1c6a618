import type { FieldView } from '../../server/framewright/contract.ts'
import { Field } from '../controls/field.tsx'
import { capabilities, isFileField, takesField } from '../models/capabilities.ts'
import { texts } from '../texts/texts.ts'
import { changeDraft, draft, draftModel } from './draft.ts'
import { fieldLabel } from './field-label.ts'
import { SchemaInput } from './schema-input.tsx'

/** Fields that have a place of their own in the editor. */
const placedElsewhere = [
  'preset',
  'prompt',
  'negativePrompt',
  'width',
  'height',
  'frames',
  'seconds',
  'steps',
  'seed',
  'sampler',
  'guidance',
  'strength',
  'fit',
]

/** Fields of clips that go on. */
const ofExtension = ['window', 'overlap']

/** Everything else that a request may say, folded away. */
export function Advanced() {
  const { extend, values } = draft.value
  const isOffered = (field: FieldView) =>
    !placedElsewhere.includes(field.name) &&
    !isFileField(field.name) &&
    takesField(draftModel.value, field.name) &&
    (!ofExtension.includes(field.name) || extend !== undefined)
  const fields = (capabilities.value?.fields ?? []).filter(isOffered)
  return (
    <details class="advanced">
      <summary>{texts.make.advanced}</summary>
      <div class="advanced-fields">
        {fields.map(field => (
          <Field key={field.name} label={fieldLabel(field.name)} name={field.name}>
            {ids => <SchemaInput ids={ids} field={field} value={values[field.name]} />}
          </Field>
        ))}
      </div>
      <button
        type="button"
        class="quiet"
        onClick={() => changeDraft({ values: { prompt: values.prompt ?? '' } })}
      >
        {texts.make.reset}
      </button>
    </details>
  )
}
