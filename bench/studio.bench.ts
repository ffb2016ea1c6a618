/**
 * How soon does the Studio show itself in a browser on this machine? The server is a process of its own on loopback; every load is of
 * a browser context of its own, with nothing in its cache.
 */
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Browser, chromium } from 'playwright-core'
import { type BenchOptions, median, printTable, rounded } from './results.ts'
import { startServerProcess } from './server-process.ts'

const executables = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser']

/** Milliseconds from the start of the navigation. */
interface Load {
  readonly firstPaint: number
  readonly firstContentfulPaint: number
  /** Until the editor has the server's models. */
  readonly usable: number
}

const goalMs = 1000

/** @throws Error where there is no chromium */
export async function measurePage({ rounds }: BenchOptions): Promise<object> {
  const executablePath = executables.find(existsSync)
  if (executablePath === undefined) throw new Error('there is no chromium: apt-get install chromium')
  const folder = mkdtempSync(path.join(tmpdir(), 'framewright-studio-'))
  const server = await startServerProcess(folder)
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
  try {
    // It listens before its new database is made.
    while (!(await fetch(`${server.url}/v1/tasks`)).ok) await wait(100)
    const loads: Load[] = []
    for (let round = 0; round < rounds; round++) loads.push(await load(browser, server.url))
    const row = {
      loads: loads.length,
      firstPaintMs: rounded(median(loads.map(({ firstPaint }) => firstPaint))),
      firstContentfulPaintMs: rounded(median(loads.map(each => each.firstContentfulPaint))),
      worstMs: rounded(Math.max(...loads.map(each => each.firstContentfulPaint))),
      usableMs: rounded(median(loads.map(({ usable }) => usable))),
      goalMs,
    }
    printTable('the Studio on loopback, ms', [row])
    return row
  } finally {
    await browser.close()
    server.child.kill('SIGTERM')
    await once(server.child, 'exit')
    rmSync(folder, { recursive: true })
  }
}

async function load(browser: Browser, url: string): Promise<Load> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  try {
    const page = await context.newPage()
    await page.goto(url)
    await page.locator('.abilities li').first().waitFor()
    const usable = Number(await page.evaluate('performance.now()'))
    await page.waitForFunction('performance.getEntriesByName("first-contentful-paint").length > 0')
    const painted = async (name: string) =>
      Number(await page.evaluate(`performance.getEntriesByName(${JSON.stringify(name)})[0].startTime`))
    return {
      firstPaint: await painted('first-paint'),
      firstContentfulPaint: await painted('first-contentful-paint'),
      usable,
    }
  } finally {
    await context.close()
  }
}
