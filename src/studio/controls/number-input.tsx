import type { FieldIds } from './field.tsx'

interface NumberInputProps {
  readonly ids: FieldIds
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
  return (
    <input
      {...ids}
      type="number"
      inputMode="decimal"
      value={value ?? ''}
      placeholder={fallback === undefined ? '' : String(fallback)}
      min={min}
      max={max}
      step={step}
      onInput={event => {
        const { value: text, valueAsNumber } = event.currentTarget
        onValue(text === '' || Number.isNaN(valueAsNumber) ? undefined : valueAsNumber)
      }}
    />
  )
}
