import { Field } from '../controls/field.tsx'
import { texts } from '../texts/texts.ts'
import { draft, draftModel, setValue } from './draft.ts'

/** What the video shows, and what it should not. */
export function PromptFields() {
  const { prompt = '', negativePrompt } = draft.value.values as { prompt?: string; negativePrompt?: string }
  const usual = draftModel.value?.defaults.negativePrompt
  return (
    <>
      <Field label={texts.make.prompt} name="prompt">
        {ids => (
          <textarea
            {...ids}
            class="prompt"
            rows={4}
            value={prompt}
            placeholder={texts.make.promptHint}
            onInput={event => setValue('prompt', event.currentTarget.value)}
          />
        )}
      </Field>
      <Field label={texts.make.negative} name="negativePrompt">
        {ids => (
          <textarea
            {...ids}
            rows={1}
            value={negativePrompt ?? ''}
            placeholder={usual}
            onInput={event => setValue('negativePrompt', event.currentTarget.value || undefined)}
          />
        )}
      </Field>
    </>
  )
}
