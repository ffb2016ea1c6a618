import { useEffect } from 'preact/hooks'
import { Sources } from '../direct/sources.tsx'
import { Timeline } from '../direct/timeline.tsx'
import { texts } from '../texts/texts.ts'
import { Adapters } from './adapters.tsx'
import { Advanced } from './advanced.tsx'
import { FormatFields } from './format-fields.tsx'
import { ModelChoice } from './model-choice.tsx'
import { followDraft } from './plan.ts'
import { PresetField } from './preset-field.tsx'
import { PriorityField } from './priority-field.tsx'
import { PromptFields } from './prompt-fields.tsx'
import { QualityFields } from './quality-fields.tsx'
import { SeedField } from './seed-field.tsx'
import { forgetErrors, submitDraft } from './submit.ts'
import { SubmitBar } from './submit-bar.tsx'
import { VariationField } from './variation-field.tsx'

/** Everything that is said of a video before it is made. */
export function Composer() {
  useEffect(followDraft, [])
  useEffect(forgetErrors, [])
  return (
    <form
      class="composer"
      aria-label={texts.make.title}
      noValidate
      onSubmit={event => {
        event.preventDefault()
        void submitDraft()
      }}
      onKeyDown={event => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault()
          void submitDraft()
        }
      }}
    >
      <div class="composer-fields">
        <PromptFields />
        <ModelChoice />
        <Timeline />
        <Sources />
        <FormatFields />
        <PresetField />
        <QualityFields />
        <SeedField />
        <Adapters />
        <Advanced />
        <VariationField />
        <PriorityField />
      </div>
      <SubmitBar />
    </form>
  )
}
