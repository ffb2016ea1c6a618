import { texts } from '../texts/texts.ts'
import { type BodySchema, SchemaTable } from './schema-table.tsx'

export interface OperationDocument {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly description?: string
  readonly security?: readonly object[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: BodySchema }>> }
  readonly responses: Readonly<Record<string, { readonly description: string }>>
}

interface OperationProps {
  readonly method: string
  readonly path: string
  readonly operation: OperationDocument
}

/** One endpoint, folded. */
export function Operation({ method, path, operation }: OperationProps) {
  const { summary, description, security, requestBody, responses } = operation
  const bodies = Object.entries(requestBody?.content ?? {})
  return (
    <details class="operation">
      <summary>
        <code class="method">{method.toUpperCase()}</code> <code>{path}</code> <span>{summary}</span>
      </summary>
      {description && <p>{description}</p>}
      {security && <p class="muted">{texts.docs.key}</p>}
      {bodies.length > 0 && (
        <>
          <h3>{bodies.map(([type]) => type).join(', ')}</h3>
          <SchemaTable schema={bodies[0]![1].schema} />
        </>
      )}
      <h3>{texts.docs.responses}</h3>
      <dl>
        {Object.entries(responses).map(([status, response]) => (
          <div key={status}>
            <dt>
              <code>{status}</code>
            </dt>
            <dd>{response.description}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
