import { texts } from '../texts/texts.ts'
import type { FieldIds } from './field.tsx'

interface ChoiceInputProps {
  readonly ids: FieldIds
  /** Undefined for the model's. */
  readonly value: string | undefined
  readonly choices: readonly string[]
  readonly onValue: (value: string | undefined) => void
}

/** One of several values, or the model's default. */
export function ChoiceInput({ ids, value, choices, onValue }: ChoiceInputProps) {
  return (
    <select {...ids} value={value ?? ''} onChange={event => onValue(event.currentTarget.value || undefined)}>
      <option value="">{texts.make.modelDefault}</option>
      {choices.map(each => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </select>
  )
}
