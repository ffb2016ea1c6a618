import { packageVersion } from '../../engine/package-info.ts'
import { json, type Route } from '../http/route.ts'
import { openApiDocument } from '../openapi.ts'
import type { Services } from '../services.ts'

/** What whoever runs the server looks at. None of it tells about tasks. */
export function operationRoutes({ jobs, metrics, log }: Services, all: () => readonly Route[]): Route[] {
  return [
    {
      method: 'GET',
      path: '/health',
      api: 'framewright',
      summary: 'Liveness of the process',
      access: 'open',
      async handle() {
        return json({ status: 'ok', version: packageVersion() })
      },
    },
    {
      method: 'GET',
      path: '/ready',
      api: 'framewright',
      summary: 'Readiness: 503 while no tasks can be taken',
      access: 'open',
      async handle() {
        try {
          await jobs.check()
          return json({ status: 'ready' })
        } catch (error) {
          log.warn({ error }, 'not ready')
          return json({ status: 'the task store does not answer' }, { status: 503 })
        }
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      api: 'framewright',
      summary: 'Metrics for Prometheus',
      access: 'open',
      async handle() {
        const { text, contentType } = await metrics.render()
        return new Response(text, { headers: { 'content-type': contentType } })
      },
    },
    {
      method: 'GET',
      path: '/openapi.json',
      api: 'framewright',
      summary: 'This interface as an OpenAPI 3.1 document',
      access: 'open',
      async handle() {
        return json(openApiDocument(all()))
      },
    },
  ]
}
