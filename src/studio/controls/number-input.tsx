import { useState } from 'preact/hooks'
import type { FieldIds } from './field.tsx'

interface NumberInputProps {
  readonly ids: Partial<FieldIds>
  /** Undefined for the model's. */
  readonly value: number | undefined
  readonly fallback: number | undefined
  readonly min?: number | undefined
  readonly max?: number | undefined
  readonly step?: number | 'any'
  readonly onValue: (value: number | undefined) => void
}

/** A number that may be left to the model: then the field is empty and shows the model's behind it. */
export function NumberInput({ ids, value, fallback, min, max, step = 'any', onValue }: NumberInputProps) {
  /** What stands in the field: `1.0` is not written over by 1 on the way to `1.05`. */
  const [typed, setTyped] = useState('')
  return (
    <input
      {...ids}
      type="number"
      inputMode="decimal"
      value={Number(typed) === value ? typed : String(value ?? '')}
      placeholder={fallback === undefined ? '' : String(fallback)}
      min={min}
      max={max}
      step={step}
      onInput={event => {
        const { value: text, valueAsNumber } = event.currentTarget
        setTyped(text)
        onValue(text === '' || Number.isNaN(valueAsNumber) ? undefined : valueAsNumber)
      }}
    />
  )
}
