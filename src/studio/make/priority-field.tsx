import { Field } from '../controls/field.tsx'
import { NumberInput } from '../controls/number-input.tsx'
import { capabilities } from '../models/capabilities.ts'
import { texts } from '../texts/texts.ts'
import { changeDraft, draft } from './draft.ts'

const usual = 0

/** Which tasks go first among those that wait. */
export function PriorityField() {
  const { priority } = draft.value
  const limits = capabilities.value?.priority
  if (!limits) return null
  return (
    <Field label={texts.make.priority} about={texts.make.priorityAbout(limits.min, limits.max)}>
      {ids => (
        <NumberInput
          ids={ids}
          value={priority === usual ? undefined : priority}
          fallback={usual}
          {...limits}
          step={1}
          onValue={(value = usual) => changeDraft({ priority: value })}
        />
      )}
    </Field>
  )
}
