import { Field } from '../controls/field.tsx'
import { texts } from '../texts/texts.ts'

interface StrengthSliderProps {
  /** Name of the request's field, where it is one. */
  readonly name?: string
  readonly strength: number
  readonly onStrength: (strength: number) => void
}

/** How closely a source is followed, from 0.05 to 1. */
export function StrengthSlider({ name, strength, onStrength }: StrengthSliderProps) {
  return (
    <Field
      label={texts.direct.strength}
      {...(name !== undefined && { name })}
      aside={<output>{strength.toFixed(2)}</output>}
    >
      {ids => (
        <input
          {...ids}
          type="range"
          min={0.05}
          max={1}
          step={0.05}
          value={strength}
          onInput={event => onStrength(event.currentTarget.valueAsNumber)}
        />
      )}
    </Field>
  )
}
