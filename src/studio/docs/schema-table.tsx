import { texts } from '../texts/texts.ts'

/** What of JSON Schema the bodies have. */
export interface BodySchema {
  readonly type?: string
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly items?: BodySchema
  readonly anyOf?: readonly BodySchema[]
  readonly properties?: Readonly<Record<string, BodySchema>>
  readonly required?: readonly string[]
}

/** The fields of a body. */
export function SchemaTable({ schema }: { readonly schema: BodySchema }) {
  return (
    <table>
      <thead>
        <tr>
          <th>{texts.docs.field}</th>
          <th>{texts.docs.type}</th>
          <th>{texts.docs.meaning}</th>
        </tr>
      </thead>
      <tbody>
        {Object.entries(schema.properties ?? {}).map(([name, field]) => (
          <tr key={name}>
            <td>
              <code>{name}</code>
              {schema.required?.includes(name) && <span class="muted"> {texts.docs.required}</span>}
            </td>
            <td>{typeText(field)}</td>
            <td>{field.description}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** `integer, 1 to 1000`, `crop | stretch`, `list of string`. */
function typeText(schema: BodySchema): string {
  const { type = '', items, anyOf, minimum, maximum, exclusiveMinimum } = schema
  if (schema.enum) return schema.enum.join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (anyOf) return [...new Set(anyOf.map(typeText))].join(' | ')
  if (items) return `${texts.docs.listOf} ${typeText(items)}`
  const safe = (limit?: number) =>
    limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER ? limit : undefined
  const [from, to] = [safe(minimum ?? exclusiveMinimum), safe(maximum)]
  return from === undefined && to === undefined ? type : `${type}, ${texts.docs.range(from, to)}`
}
