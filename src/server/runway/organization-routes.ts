import { z } from 'zod'
import { parseBody } from '../http/http-error.ts'
import { readJson } from '../http/read-json.ts'
import { json, type Route } from '../http/route.ts'
import type { Services } from '../services.ts'
import { runwayModels } from './models.ts'

const usageBody = z.object({ startDate: z.iso.date().optional(), beforeDate: z.iso.date().optional() })

/** What clients ask of their account. Nothing costs credits here, and nothing is limited by the day. */
export function organizationRoutes({ catalogue, settings }: Services): Route[] {
  const names = () => [...new Set([...runwayModels, ...catalogue.aliases, ...catalogue.checkpoints])]
  const each = <T>(value: T) => Object.fromEntries(names().map(name => [name, value]))
  return [
    {
      method: 'GET',
      path: '/v1/organization',
      api: 'runway',
      summary: 'Models and limits',
      access: 'key',
      note: 'Credits are 0: nothing is charged.',
      async handle() {
        const limits = { maxConcurrentGenerations: settings.lanes, maxDailyGenerations: null }
        return json({
          creditBalance: 0,
          tier: { maxMonthlyCreditSpend: 0, models: each(limits) },
          usage: { models: each({ dailyGenerations: 0 }) },
        })
      },
    },
    {
      method: 'POST',
      path: '/v1/organization/usage',
      api: 'runway',
      summary: 'Credits that were used: none',
      access: 'key',
      body: { type: ['application/json'], schema: usageBody },
      async handle(request) {
        parseBody(usageBody, await readJson(request, { limit: 64 * 2 ** 10 }))
        return json({ results: [], models: [] })
      },
    },
  ]
}
