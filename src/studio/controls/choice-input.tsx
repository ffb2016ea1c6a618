import { texts } from '../texts/texts.ts'
import type { FieldIds } from './field.tsx'

interface ChoiceInputProps {
  readonly ids: FieldIds
  /** Undefined for the model's. */
  readonly value: string | undefined
  readonly choices: readonly string[]
  /** What it is where none is chosen. @default the model's */
  readonly fallback?: string | undefined
  readonly onValue: (value: string | undefined) => void
}

/** One of several values, or the model's default. */
export function ChoiceInput({ ids, value, choices, fallback, onValue }: ChoiceInputProps) {
  return (
    <select {...ids} value={value ?? ''} onChange={event => onValue(event.currentTarget.value || undefined)}>
      <option value="">{fallback ?? texts.make.modelDefault}</option>
      {choices.map(each => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </select>
  )
}
