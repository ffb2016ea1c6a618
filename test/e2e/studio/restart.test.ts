/** A server whose process ends under the page, and comes back at the same address. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type ServerProcess, startServerProcess } from '../../../bench/server-process.ts'
import type { TaskList } from '../../../src/server/framewright/contract.ts'
import { describeStudio, describeVideo } from './browser.ts'

// A new database takes a while to make where the machine is busy.
const patience = { timeout: 300_000 }
const steps = 150

describeStudio('the Studio of a server that is started again', studio => {
  test.each([
    ['stopped', 'SIGTERM'],
    ['killed', 'SIGKILL'],
  ] as const)(
    'says that a server that was %s is gone, and goes on with its task',
    patience,
    async (_, signal) => {
      const port = await freePort()
      const folder = join(studio.folder, signal)
      const start = async () => await startServerProcess(folder, ['--port', String(port)])
      let server = await start()
      try {
        const page = await studio.open({ url: server.url })
        page.setDefaultTimeout(120_000)
        await describeVideo(page, { prompt: 'made by two processes', steps, frames: 17, size: 64 })
        await page.getByRole('button', { name: /^Make/ }).click()
        await page
          .getByText(new RegExp(`Step ([3-9]|\\d\\d) of ${steps}`))
          .first()
          .waitFor()
        await end(server, signal)
        await page.locator('.outage').getByText('The server does not answer. Trying again…').waitFor()
        // What is in the editor stays.
        await page.getByLabel('Prompt', { exact: true }).fill('written meanwhile')
        server = await start()
        await page.locator('.connection.live').waitFor()
        await expect
          .poll(() => page.getByText('The server does not answer').count(), { timeout: 30_000 })
          .toBe(0)
        expect(await page.getByLabel('Prompt', { exact: true }).inputValue()).toBe('written meanwhile')
        await page.getByText('Attempt 2: the one before did not finish.').waitFor()
        await page.locator('.player video').waitFor()
        const { tasks } = (await (await fetch(`${server.url}/v1/tasks`)).json()) as TaskList
        expect(tasks).toMatchObject([
          { state: 'succeeded', attempt: 2, request: { prompt: 'made by two processes' } },
        ])
        expect(await studio.frames(tasks[0]!)).toHaveLength(17)
      } finally {
        await end(server)
      }
    },
  )
})

async function end({ child }: ServerProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await once(probe.listen(0, '127.0.0.1'), 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
