interface ChoicesProps<Value extends string> {
  readonly label: string
  readonly name: string
  readonly value: Value | undefined
  readonly choices: readonly { readonly value: Value; readonly text: string; readonly about?: string }[]
  readonly onChoice: (value: Value) => void
}

/** One of a few, side by side. */
export function Choices<Value extends string>({
  label,
  name,
  value,
  choices,
  onChoice,
}: ChoicesProps<Value>) {
  return (
    <fieldset class="choices">
      <legend class="unseen">{label}</legend>
      {choices.map(choice => (
        <label key={choice.value} title={choice.about}>
          <input
            type="radio"
            name={name}
            checked={choice.value === value}
            onChange={() => onChoice(choice.value)}
          />
          <span>{choice.text}</span>
        </label>
      ))}
    </fieldset>
  )
}
