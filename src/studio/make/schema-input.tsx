import type { FieldView } from '../../server/framewright/contract.ts'
import { ChoiceInput } from '../controls/choice-input.tsx'
import type { FieldIds } from '../controls/field.tsx'
import { NumberInput } from '../controls/number-input.tsx'
import { texts } from '../texts/texts.ts'
import { setValue } from './draft.ts'

interface SchemaInputProps {
  readonly ids: FieldIds
  readonly field: FieldView
  readonly value: unknown
}

/** What of JSON Schema the fields of requests have. */
interface FieldSchema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
}

/** The input for a field whose schema is all that is known of it: a choice, a number, numbers, or text. */
export function SchemaInput({ ids, field, value }: SchemaInputProps) {
  const schema = field.schema as FieldSchema
  const set = (next: unknown) => setValue(field.name, next)
  if (schema.enum) {
    return <ChoiceInput ids={ids} value={value as string | undefined} choices={schema.enum} onValue={set} />
  }
  if (schema.type === 'boolean') {
    const { yes, no } = texts.make
    const said = value === undefined ? undefined : value ? yes : no
    return (
      <ChoiceInput
        ids={ids}
        value={said}
        choices={[yes, no]}
        onValue={word => set(word === undefined ? undefined : word === yes)}
      />
    )
  }
  if (schema.type === 'number' || schema.type === 'integer') {
    const step = schema.type === 'integer' ? 1 : 'any'
    const limits = { min: schema.minimum, max: schema.maximum, step } as const
    return (
      <NumberInput
        ids={ids}
        value={value as number | undefined}
        fallback={undefined}
        {...limits}
        onValue={set}
      />
    )
  }
  if (schema.type === 'string') {
    return (
      <input
        {...ids}
        type="text"
        value={String(value ?? '')}
        onInput={event => set(event.currentTarget.value || undefined)}
      />
    )
  }
  return (
    <input
      {...ids}
      type="text"
      inputMode="decimal"
      value={Array.isArray(value) ? value.join() : String(value ?? '')}
      onChange={event => set(numbersOf(event.currentTarget.value))}
    />
  )
}

/** `1` or `0,0.8`. What is no number is left for the server to refuse. */
function numbersOf(text: string): unknown {
  if (text.trim() === '') return undefined
  const list = text
    .split(',')
    .map(each => (each.trim() === '' || Number.isNaN(Number(each)) ? each : Number(each)))
  return list.length === 1 ? list[0] : list
}
