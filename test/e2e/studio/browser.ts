/** A real browser with the Studio of a real server in it. */
import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import { readVideo } from '../../../src/index.ts'
import type { TaskView } from '../../../src/server/framewright/contract.ts'
import { scratchFolder } from '../../scratch.ts'
import { startTestServer, type TestServer } from '../serve/test-server.ts'

const executable = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  existsSync,
)

/** Tests in a browser; where there is none, they are skipped, and their name says why. */
export function describeStudio(
  name: string,
  tests: (studio: Studio) => void,
  options: StudioOptions = {},
): void {
  if (!executable) {
    describe.skip(`${name} (there is no chromium: apt-get install chromium)`, () =>
      tests(new Studio(options)))
    return
  }
  describe(name, () => {
    const studio = new Studio(options)
    beforeAll(async () => await studio.start())
    afterEach(async () => await studio.endTest())
    afterAll(async () => await studio[Symbol.asyncDispose]())
    tests(studio)
  })
}

type ServerOptions = NonNullable<Parameters<typeof startTestServer>[1]>

/** What the server is started with; a function puts files of it into a folder before. */
type StudioOptions = ServerOptions | ((folder: string) => Promise<ServerOptions>)

interface OpenOptions extends BrowserContextOptions {
  /** @default the server's */
  readonly url?: string
}

/** What a person sees or waits for. */
const patienceMs = 60_000

export class Studio implements AsyncDisposable {
  readonly #options: StudioOptions
  readonly folder = scratchFolder()
  #server: TestServer | undefined
  #browser: Browser | undefined
  /** What a page has complained of: errors, refused scripts, requests to other hosts. */
  complaints: string[] = []

  constructor(options: StudioOptions) {
    this.#options = options
  }

  get server(): TestServer {
    return this.#server!
  }

  async start(): Promise<void> {
    const args = ['--no-sandbox', '--disable-dev-shm-usage']
    this.#browser = await chromium.launch({ executablePath: executable!, args })
    const options = typeof this.#options === 'function' ? await this.#options(this.folder) : this.#options
    this.#server = await startTestServer(this.folder, { devices: ['cpu'], ...options })
  }

  /** A tab with the Studio open, in a browser of its own. */
  async open({ url = this.server.url, ...options }: OpenOptions = {}): Promise<Page> {
    const context = await this.#browser!.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(url).origin })
    const page = await context.newPage()
    page.setDefaultTimeout(patienceMs)
    this.watch(page, url)
    // Choosers are caught as long as somebody listens: who begins with the press is too late.
    page.on('filechooser', () => undefined)
    await page.goto(url)
    return page
  }

  watch(page: Page, own: string = this.server.url): void {
    page.on('pageerror', error => this.complaints.push(error.message))
    page.on('console', message => {
      const expected = /Failed to load resource/.test(message.text())
      if (message.type() === 'error' && !expected) this.complaints.push(message.text())
    })
    page.on('request', request => {
      const url = new URL(request.url())
      if (url.protocol.startsWith('http') && url.host !== new URL(own).host) {
        this.complaints.push(`a request to ${url.host}`)
      }
    })
  }

  async endTest(): Promise<void> {
    const { complaints } = this
    this.complaints = []
    for (const context of this.#browser!.contexts()) await context.close()
    expect(complaints).toEqual([])
  }

  /** Presses the button, and waits for the end of what it makes. */
  async make(page: Page): Promise<TaskView> {
    await this.begin(page)
    return await this.ended()
  }

  /** Presses the button, and waits until there is a task of it. */
  async begin(page: Page): Promise<void> {
    await this.#begun(page, () => page.getByRole('button', { name: /^Make/ }).click())
  }

  /** Presses the keys for the button, and waits for the end of what it makes. */
  async makeByKeys(page: Page): Promise<TaskView> {
    await this.#begun(page, () => page.keyboard.press('Control+Enter'))
    return await this.ended()
  }

  async #begun(page: Page, press: () => Promise<void>): Promise<void> {
    const before = this.newest
    await press()
    const said = async () =>
      this.newest === before ? await page.getByRole('alert').allTextContents() : 'a task'
    await expect.poll(said, { timeout: patienceMs }).toBe('a task')
  }

  get newest(): string | undefined {
    return [...this.server.jobs.tasks.keys()].at(-1)
  }

  /** The newest task, once it is at an end. */
  async ended(): Promise<TaskView> {
    const { jobs } = this.server
    const id = this.newest!
    for await (const task of jobs.watch(id, AbortSignal.timeout(2 * patienceMs))) void task
    return await this.view(id)
  }

  async view(id: string): Promise<TaskView> {
    return (await (await fetch(`${this.server.url}/v1/tasks/${id}/details`)).json()) as TaskView
  }

  /** The frames of a task's file, 3 bytes a pixel. */
  async frames(task: TaskView): Promise<Uint8Array[]> {
    const path = join(this.folder, `${task.id}.mp4`)
    const { outputs } = task
    await writeFile(path, Buffer.from(await (await fetch(outputs.video!)).arrayBuffer()))
    const video = await readVideo(path)
    const frames: Uint8Array[] = []
    for await (const data of video.frames) frames.push(data.slice())
    return frames
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser?.close()
    await this.#server?.[Symbol.asyncDispose]()
  }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  readonly id: string
  readonly impact: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

/** What axe finds serious or critical. */
export async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const { violations } = (await page.evaluate('axe.run()')) as { violations: readonly Violation[] }
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
    )
}

/** Fills in a small video: seconds on any machine. */
export async function describeVideo(
  page: Page,
  {
    prompt,
    steps = 2,
    frames = 5,
    size = 32,
  }: { prompt: string; steps?: number; frames?: number; size?: number },
): Promise<void> {
  await page.getByLabel('Prompt', { exact: true }).fill(prompt)
  await page.getByLabel('Width', { exact: true }).fill(String(size))
  await page.getByLabel('Height', { exact: true }).fill(String(size))
  await page.getByLabel('Length', { exact: true }).fill(String(frames))
  await page.getByLabel('Steps', { exact: true }).fill(String(steps))
}

/** Chooses files by a button that asks for them. */
export async function chooseFiles(
  page: Page,
  button: string,
  files: readonly { readonly name: string; readonly mimeType: string; readonly buffer: Buffer }[],
): Promise<void> {
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: button, exact: true }).click(),
  ])
  await chooser.setFiles([...files])
}

/** Presses Tab until what has the focus is called so. */
export async function tabTo(page: Page, name: RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press(key)
    const label = await page.evaluate(
      '(e => e.getAttribute("aria-label") ?? e.labels?.[0]?.textContent ?? e.textContent)(document.activeElement)',
    )
    if (name.test(String(label))) return
  }
  throw new Error(`nothing called ${name} is reached by ${key}`)
}

/** Drops files at a point of an element, as from the desktop. */
export async function dropFiles(
  page: Page,
  selector: string,
  files: readonly { readonly name: string; readonly type: string; readonly bytes: Buffer }[],
  share = 0.5,
): Promise<void> {
  const sent = JSON.stringify(
    files.map(({ name, type, bytes }) => ({ name, type, text: bytes.toString('base64') })),
  )
  const transfer = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer()
    for (const { name, type, text } of ${sent}) {
      const bytes = Uint8Array.from(atob(text), each => each.charCodeAt(0))
      transfer.items.add(new File([bytes], name, { type }))
    }
    return transfer
  })()`)
  const box = (await page.locator(selector).boundingBox())!
  const at = { clientX: box.x + share * box.width, clientY: box.y + box.height / 2 }
  await page.dispatchEvent(selector, 'dragover', { dataTransfer: transfer, ...at })
  await page.dispatchEvent(selector, 'drop', { dataTransfer: transfer, ...at })
}

/** The mean of each channel. */
export function meanColour(frame: Uint8Array): [red: number, green: number, blue: number] {
  const sums = [0, 0, 0]
  frame.forEach((value, at) => {
    sums[at % 3]! += value
  })
  return sums.map(sum => sum / (frame.length / 3)) as [number, number, number]
}
