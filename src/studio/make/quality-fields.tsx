import { ChoiceInput } from '../controls/choice-input.tsx'
import { Field } from '../controls/field.tsx'
import { NumberInput } from '../controls/number-input.tsx'
import { fieldNamed } from '../models/capabilities.ts'
import { texts } from '../texts/texts.ts'
import { draft, draftModel, draftPreset, setValue } from './draft.ts'

/** What a video's quality and time come from. */
export function QualityFields() {
  const { steps, guidance, sampler } = draft.value.values as {
    steps?: number
    guidance?: number
    sampler?: string
  }
  const { timesteps, sigmas, ...preset } = draftPreset.value?.fields ?? {}
  const presetSteps = timesteps?.length ?? sigmas?.length
  const defaults = {
    ...draftModel.value?.defaults,
    ...preset,
    ...(presetSteps !== undefined && { steps: presetSteps }),
  }
  const samplers = (fieldNamed('sampler')?.schema.enum ?? []) as readonly string[]
  return (
    <div class="row">
      <Field label={texts.make.steps} name="steps">
        {ids => (
          <NumberInput
            ids={ids}
            value={steps}
            fallback={defaults.steps}
            min={1}
            max={1000}
            step={1}
            onValue={value => setValue('steps', value)}
          />
        )}
      </Field>
      <Field label={texts.make.guidance} name="guidance">
        {ids => (
          <NumberInput
            ids={ids}
            value={guidance}
            fallback={defaults.guidance}
            min={0}
            max={100}
            onValue={value => setValue('guidance', value)}
          />
        )}
      </Field>
      <Field label={texts.make.sampler} name="sampler">
        {ids => (
          <ChoiceInput
            ids={ids}
            value={sampler}
            choices={samplers}
            fallback={preset.sampler}
            onValue={value => setValue('sampler', value)}
          />
        )}
      </Field>
    </div>
  )
}
