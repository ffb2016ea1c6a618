import { Field } from '../controls/field.tsx'
import { NumberInput } from '../controls/number-input.tsx'
import { texts } from '../texts/texts.ts'
import { changeDraft, draft } from './draft.ts'

const limits = { min: -10, max: 10, step: 1 } as const
const usual = 0

/** Which tasks go first among those that wait. */
export function PriorityField() {
  const { priority } = draft.value
  return (
    <Field label={texts.make.priority} about={texts.make.priorityAbout(limits.min, limits.max)}>
      {ids => (
        <NumberInput
          ids={ids}
          value={priority === usual ? undefined : priority}
          fallback={usual}
          {...limits}
          onValue={(value = usual) => changeDraft({ priority: value })}
        />
      )}
    </Field>
  )
}
