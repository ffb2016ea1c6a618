/** docs/endpoints.md is made of the routes. After a change: npx vitest run test/server-docs.test.ts -u */
import { expect, test } from 'vitest'
import { apiName, offeredFields } from '../src/server/generation-fields.ts'
import type { Route } from '../src/server/http/route.ts'
import { allRoutes } from '../src/server/routes.ts'
import type { Services } from '../src/server/services.ts'

const titles = {
  runway: "Runway's API",
  openai: "OpenAI's videos API",
  framewright: 'Beyond both',
} as const

/** Made, not called: nothing of the services is used before a request comes. */
const routes = allRoutes({} as Services, Buffer.alloc(32))

function tableOf(api: Route['api']): string {
  const rows = routes
    .filter(route => route.api === api)
    .map(({ method, path, summary, note, access }) => [
      `\`${method} ${path}\``,
      [summary, note].filter(Boolean).join('. ').replace(/\.$/, ''),
      { key: 'key', signature: 'signed address', open: 'open' }[access],
    ])
  return table([['Endpoint', 'What it does', 'Access'], ...rows])
}

function fieldsTable(): string {
  const rows = offeredFields.map(({ field, about }) => [
    `\`${apiName(field, 'camel')}\``,
    `\`${apiName(field, 'underscores')}\``,
    about.replaceAll('|', '\\|'),
  ])
  return table([["Runway's", "OpenAI's", 'What it is'], ...rows])
}

function table(all: string[][]): string {
  const widths = [0, 1, 2].map(column => Math.max(...all.map(row => row[column]!.length)))
  const line = (row: string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  const rule = `| ${widths.map(width => '-'.repeat(width)).join(' | ')} |`
  return [line(all[0]!), rule, ...all.slice(1).map(line)].join('\n')
}

test('docs/endpoints.md lists every endpoint there is', async () => {
  const parts = (['runway', 'openai', 'framewright'] as const).map(
    api => `## ${titles[api]}\n\n${tableOf(api)}\n`,
  )
  const head =
    '# Endpoints\n\nMade from the routes by `test/server-docs.test.ts`; [server.md](server.md) says how they are used.\n'
  const extensions = `## Extensions\n\nBodies that describe a video take these too, in the naming of their API.\n\n${fieldsTable()}\n`
  await expect([head, ...parts, extensions].join('\n')).toMatchFileSnapshot('../docs/endpoints.md')
})

test('every endpoint is there once', () => {
  const names = routes.map(({ method, path }) => `${method} ${path}`)
  expect(new Set(names).size).toBe(names.length)
})
