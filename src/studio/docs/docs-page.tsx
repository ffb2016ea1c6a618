import { useEffect, useState } from 'preact/hooks'
import { base, call, messageOf } from '../server/call.ts'
import { texts } from '../texts/texts.ts'
import { Operation, type OperationDocument } from './operation.tsx'

interface OpenApiDocument {
  readonly info: { readonly title: string; readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationDocument>>>>
}

/** The server's OpenAPI document, to be read. */
export function DocsPage() {
  const [document, setDocument] = useState<OpenApiDocument>()
  const [error, setError] = useState<string>()
  useEffect(() => {
    call<OpenApiDocument>('openapi.json').then(setDocument, reason => setError(messageOf(reason)))
  }, [])
  const operations = Object.entries(document?.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  )
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))]
  return (
    <main class="docs">
      <p>
        <a href={base.href}>{texts.title}</a>
      </p>
      <h1>
        {texts.docs.title} {document?.info.version}
      </h1>
      <p class="muted">
        {texts.docs.about} <a href={new URL('openapi.json', base).href}>openapi.json</a>
      </p>
      {error && <p class="error">{error}</p>}
      {tags.map(tag => (
        <section key={tag} aria-label={tag}>
          <h2>{texts.docs.apis[tag as keyof typeof texts.docs.apis] ?? tag}</h2>
          {operations
            .filter(({ operation }) => operation.tags.includes(tag))
            .map(each => (
              <Operation key={each.operation.operationId} {...each} />
            ))}
        </section>
      ))}
    </main>
  )
}
