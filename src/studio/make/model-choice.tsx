import { Field } from '../controls/field.tsx'
import { capabilities } from '../models/capabilities.ts'
import { texts } from '../texts/texts.ts'
import { changeDraft, draft, draftModel } from './draft.ts'

/** The server's models, and what the chosen one can do. */
export function ModelChoice() {
  const models = capabilities.value?.models ?? []
  const model = draftModel.value
  const abilities = [
    ...(model?.modes ?? []).map(mode => texts.make.modes[mode]),
    ...(model?.extends ? [texts.make.goesOn] : []),
  ]
  return (
    <Field label={texts.make.model} about={texts.make.modelAbout}>
      {ids => (
        <>
          <select
            {...ids}
            value={model?.name ?? ''}
            onChange={event =>
              changeDraft({ model: event.currentTarget.value, loras: [], values: portable() })
            }
          >
            {models.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
          <ul class="abilities" aria-label={texts.make.can}>
            {abilities.map(each => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </>
      )}
    </Field>
  )
}

/** What of the draft means the same to every model. */
function portable() {
  const { prompt, negativePrompt } = draft.value.values
  return { prompt, ...(negativePrompt !== undefined && { negativePrompt }) }
}
