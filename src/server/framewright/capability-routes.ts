import { packageVersion } from '../../engine/package-info.ts'
import { json, type Route } from '../http/route.ts'
import type { Services } from '../services.ts'
import type { Capabilities } from './contract.ts'
import { modelViews } from './model-view.ts'
import { fieldViews } from './offered-fields.ts'
import { priorityRange } from './priority-range.ts'

/** What a form for requests is built from. */
export function capabilityRoutes(services: Services): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/capabilities',
      api: 'framewright',
      summary: 'Models with what each can do, and the fields of requests with what they mean',
      access: 'key',
      async handle({ owner }) {
        const fields = fieldViews()
        const { devices } = services.settings
        return json({
          version: packageVersion(),
          devices,
          models: modelViews(services),
          fields,
          priority: priorityRange(owner),
        } satisfies Capabilities)
      },
    },
  ]
}
