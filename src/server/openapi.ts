import { z } from 'zod'
import { packageVersion } from '../engine/package-info.ts'
import type { Route } from './http/route.ts'

/** The routes as an OpenAPI 3.1 document. */
export function openApiDocument(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Framewright', version: packageVersion() },
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    paths,
  }
}

function operation({ method, path, api, summary, note, access, body }: Route): object {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
  const schema = body && z.toJSONSchema(body.schema, { io: 'input', unrepresentable: 'any' })
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^a-z0-9]+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase()).replace(/[^a-z0-9]/gi, '')}`,
    tags: [api],
    summary,
    ...(note && { description: note }),
    ...(access === 'key' && { security: [{ key: [] }] }),
    ...(names.length > 0 && {
      parameters: names.map(name => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    }),
    ...(body && {
      requestBody: { required: true, content: Object.fromEntries(body.type.map(type => [type, { schema }])) },
    }),
    responses: responsesOf(access, names.length > 0, body !== undefined),
  }
}

function responsesOf(access: Route['access'], named: boolean, sent: boolean): object {
  const all = {
    '2XX': 'What was asked for, in the form of the API that this endpoint stands for.',
    ...(sent && { '400': 'What is wrong with the body, field by field.', '413': 'The body is too large.' }),
    ...(access === 'key' && { '401': 'No API key, or a wrong one.' }),
    ...(access === 'signature' && { '403': 'A wrong signature, or one that has expired.' }),
    ...(named && { '404': 'Nothing of that name, or nothing of this key.' }),
    ...(sent && { '429': 'Too many tasks: wait for as long as Retry-After says.' }),
  }
  return Object.fromEntries(Object.entries(all).map(([status, description]) => [status, { description }]))
}
