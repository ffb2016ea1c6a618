/** What was made: found, compared, saved and deleted. The files that come of it are read. */
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import type { TaskRecord } from '../../../src/jobs/task.ts'
import type { TaskView } from '../../../src/server/framewright/contract.ts'
import { describeStudio, describeVideo, dropFiles, findings, type Studio } from './browser.ts'

const small = { width: 32, height: 32, frames: 5, steps: 2 }

/** A video that is made without the page. */
async function made(studio: Studio, request: object): Promise<TaskView> {
  const response = await fetch(`${studio.server.url}/v1/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'doodle', request: { ...small, ...request } }),
  })
  expect(response.status).toBe(201)
  return await studio.ended()
}

/** The file that a press on an entry of the menu saves. */
async function saved(page: Page, entry: string): Promise<{ name: string; bytes: Buffer }> {
  await page.locator('summary', { hasText: 'Download' }).click()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: entry, exact: true }).click(),
  ])
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) }
}

describeStudio('the gallery', studio => {
  test('finds a video by a word of its prompt or its state, opens it, and shows what is made meanwhile', async () => {
    const star = await made(studio, { prompt: 'a yellow star' })
    await made(studio, { prompt: 'a blue ring' })
    const page = await studio.open()
    await page.getByRole('link', { name: 'Gallery', exact: true }).click()
    await page.locator('.gallery .card').nth(1).waitFor()
    await page.getByRole('searchbox').fill('STAR')
    await page.getByText('One video', { exact: true }).waitFor()
    await made(studio, { prompt: 'a second star' })
    await page.getByText('2 videos', { exact: true }).waitFor()
    await page.locator('label', { hasText: 'Failed' }).click()
    await page.getByText('Nothing matches.').waitFor()
    await page.locator('label', { hasText: 'Done' }).click()
    await page.locator('.gallery .card', { hasText: 'a yellow star' }).click()
    await page.locator('.stage-prompt').getByText('a yellow star').waitFor()
    expect(new URL(page.url()).hash).toBe(`#/make/${star.id}`)
    await page.getByRole('button', { name: 'Open in editor' }).click()
    expect(await page.getByLabel('Prompt', { exact: true }).inputValue()).toBe('a yellow star')
    expect((await studio.make(page)).request.seed).toBe(star.request.seed)
    expect(await studio.frames(await studio.ended())).toEqual(await studio.frames(star))
  })

  test('saves a video as MP4, GIF, PNG frames and its last frame, which open again', async () => {
    const task = await made(studio, { prompt: 'saved <b>four</b> times', seed: '7' })
    const frames = await studio.frames(task)
    const page = await studio.open()
    await page.goto(`${studio.server.url}/#/make/${task.id}`)
    const video = await saved(page, 'MP4')
    expect(video.name).toBe('saved-b-four-b-times-7.mp4')
    const stored = Buffer.from(await (await fetch(task.outputs.video!)).arrayBuffer())
    expect(video.bytes.equals(stored)).toBe(true)
    const gif = await saved(page, 'GIF')
    const { pages, width, delay } = await sharp(gif.bytes, { animated: true }).metadata()
    expect({ pages, width }).toEqual({ pages: 5, width: 32 })
    // Five frames at 8 a second, in hundredths.
    expect(Math.abs(delay!.reduce((sum, each) => sum + each) - 625)).toBeLessThanOrEqual(5)
    const last = await saved(page, 'Last frame (PNG)')
    expect(new Uint8Array(await sharp(last.bytes).raw().toBuffer())).toEqual(frames[4])
    const archive = await saved(page, 'PNG frames (ZIP)')
    expect(archive.name).toMatch(/\.zip$/)
    const names = archive.bytes.toString('latin1').match(/\d{5}\.png/g)
    expect(new Set(names)).toEqual(new Set(['00000.png', '00001.png', '00002.png', '00003.png', '00004.png']))
    await dropFiles(page, '#stage', [{ name: 'again.gif', type: 'image/gif', bytes: gif.bytes }])
    await page.getByText('The settings of again.gif are in the editor.').waitFor()
    expect(await page.getByLabel('Seed', { exact: true }).inputValue()).toBe('7')
  })

  test('deletes what is chosen, after it has asked', async () => {
    const one = await made(studio, { prompt: 'to be deleted, one' })
    const two = await made(studio, { prompt: 'to be deleted, two' })
    const page = await studio.open()
    await page.goto(`${studio.server.url}/#/gallery`)
    for (const name of ['one', 'two'])
      await page.getByRole('checkbox', { name: `Choose: to be deleted, ${name}` }).check()
    await page.getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByRole('button', { name: 'Delete for good?' }).click()
    for (const { id } of [one, two])
      await expect.poll(() => studio.server.jobs.tasks.has(id), { timeout: 20_000 }).toBe(false)
    await expect.poll(() => page.locator('.card', { hasText: 'to be deleted' }).count()).toBe(0)
  })

  test('scrolls through 10,000 pictures on a slow network in less than a fiftieth of a second a frame, and goes to the last by key', async () => {
    const { jobs } = studio.server
    const { id } = await made(studio, { prompt: 'one of many' })
    const before = new Map(jobs.tasks)
    const model = before.get(id)!
    jobs.restore(Array.from({ length: 10_000 }, (_, index) => stored(model, index)))
    const page = await studio.open()
    await page.goto(`${studio.server.url}/#/gallery`)
    await page.locator('.gallery .card').first().waitFor()
    const scroll = (pixels: number) =>
      page.evaluate(`new Promise(done => {
        scrollBy(0, ${pixels})
        requestAnimationFrame(() => requestAnimationFrame(done))
      })`)
    while (!(await page.getByText(`${10_000 + before.size} videos`, { exact: true }).isVisible()))
      await scroll(1e6)
    expect(await page.locator('.gallery .card').count()).toBeLessThan(80)
    await page.evaluate('scrollTo(0, 0)')
    const session = await page.context().newCDPSession(page)
    const slow = { offline: false, latency: 150, downloadThroughput: 200_000, uploadThroughput: 50_000 }
    await session.send('Network.emulateNetworkConditions', slow)
    // Time of the page's own thread: other programs of a busy machine do not count.
    await session.send('Performance.enable', { timeDomain: 'threadTicks' })
    const seconds = async () => {
      const { metrics } = await session.send('Performance.getMetrics')
      return metrics.find(({ name }) => name === 'TaskDuration')!.value
    }
    const frames = 100
    const start = await seconds()
    for (let frame = 0; frame < frames; frame++) await scroll(120)
    expect((await seconds()) - start).toBeLessThan(frames / 50)
    const shown = page.locator('.gallery .card')
    // Where it stops, every card on the screen has its picture, and no two have the same address.
    const pictures = page.locator('.gallery .card img')
    const missing = `[...document.querySelectorAll('.gallery .card img')].filter(each => {
      const { top, bottom } = each.getBoundingClientRect()
      return bottom > 0 && top < innerHeight && each.naturalWidth === 0
    }).length`
    await expect.poll(() => page.evaluate(missing), { timeout: 30_000 }).toBe(0)
    const addresses = await pictures.evaluateAll(all => all.map(each => each.getAttribute('src')))
    expect(addresses.length).toBeGreaterThan(12)
    expect(new Set(addresses).size).toBe(addresses.length)
    await session.send('Network.emulateNetworkConditions', { ...slow, latency: 0, downloadThroughput: -1 })
    await shown.first().focus()
    await page.keyboard.press('End')
    const last = page.locator(`[aria-posinset="${10_000 + before.size}"] .card`)
    await last.waitFor()
    await expect.poll(() => last.evaluate(card => card === card.ownerDocument.activeElement)).toBe(true)
    jobs.tasks.clear()
    for (const entry of before) jobs.tasks.set(...entry)
  }, 150_000)
})

/** A task like another, whose picture has an address of its own. */
function stored(like: TaskRecord, index: number): TaskRecord {
  const id = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
  const createdAt = new Date(Date.now() + index).toISOString()
  const request = { ...like.request, generate: { ...like.request.generate, prompt: `video ${index}` } }
  return { ...like, id, createdAt, request }
}

describeStudio('the comparison', studio => {
  test('makes a grid over a setting in one press, and plays its videos in step', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'a grid' })
    await page.getByLabel('Grid over a setting').selectOption('guidance')
    await page.getByLabel('Values, with commas between').fill('1, 4')
    await page.getByLabel('Videos').selectOption('2')
    await page.getByRole('button', { name: 'Make 4 videos' }).click()
    await expect.poll(() => page.locator('.cell video').count(), { timeout: 30_000 }).toBe(4)
    const tasks = [...studio.server.jobs.tasks.values()].slice(-4)
    const seeds = tasks.map(({ request }) => request.generate.seed)
    expect(new Set(seeds).size).toBe(2)
    expect(seeds[0]).toBe(seeds[1])
    expect(tasks.map(({ request }) => request.generate.guidance)).toEqual([1, 4, 1, 4])
    const views = await Promise.all(tasks.map(({ id }) => studio.view(id)))
    const files = await Promise.all(views.map(view => studio.frames(view)))
    expect(files.map(({ length }) => length)).toEqual([5, 5, 5, 5])
    expect(files[0]).not.toEqual(files[1])
    await page.getByRole('slider', { name: 'Frame' }).fill('3')
    await page.getByText('4 / 5', { exact: true }).waitFor()
    const moments = () =>
      page.locator('.cell video').evaluateAll(all => all.map(each => (each as unknown as Moment).currentTime))
    await expect.poll(moments).toEqual([3.5 / 8, 3.5 / 8, 3.5 / 8, 3.5 / 8])
    await page.getByRole('button', { name: 'Play' }).click()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('button', { name: 'Play' }).waitFor()
    await expect
      .poll(async () => {
        const all = await moments()
        return Math.max(...all) - Math.min(...all)
      })
      .toBeLessThan(0.2)
  })

  test('lets one video be heard, or none', async () => {
    const one = await made(studio, { prompt: 'loud, one' })
    const two = await made(studio, { prompt: 'loud, two' })
    const three = await made(studio, { prompt: 'without sound' })
    const { tasks } = studio.server.jobs
    const sound = { rate: 48_000, channels: 2, seconds: 0.6, origin: 'made' } as const
    for (const { id } of [one, two]) {
      const task = tasks.get(id)!
      tasks.set(id, { ...task, result: { ...task.result!, sound } })
    }
    const page = await studio.open()
    await page.goto(`${studio.server.url}/#/compare/${one.id}/${two.id}/${three.id}`)
    await expect.poll(() => page.locator('.cell video').count()).toBe(3)
    const muted = () =>
      page.locator('.cell video').evaluateAll(all => all.map(each => (each as unknown as Moment).muted))
    expect(await muted()).toEqual([true, true, true])
    expect(await page.getByLabel('Sound', { exact: true }).locator('option').allTextContents()).toEqual([
      'Sound off',
      'Sound of 1',
      'Sound of 2',
    ])
    await page.getByLabel('Sound', { exact: true }).selectOption('Sound of 2')
    await expect.poll(muted).toEqual([true, false, true])
    await page.getByLabel('Sound', { exact: true }).selectOption('Sound of 1')
    await expect.poll(muted).toEqual([false, true, true])
    await page.getByLabel('Sound', { exact: true }).selectOption('Sound off')
    await expect.poll(muted).toEqual([true, true, true])
  })

  test('makes none of a grid where one cannot be made, and says why', async () => {
    const page = await studio.open()
    await describeVideo(page, { prompt: 'half a grid' })
    const before = studio.server.jobs.tasks.size
    await page.getByLabel('Grid over a setting').selectOption('guidance')
    await page.getByLabel('Values, with commas between').fill('2, many')
    await page.getByRole('button', { name: 'Make 2 videos' }).click()
    await page
      .getByRole('alert')
      .getByText(/guidance|number/i)
      .waitFor()
    expect(studio.server.jobs.tasks.size).toBe(before)
  })

  test('holds videos of different length at the same moment, and says what was made differently', async () => {
    const short = await made(studio, { prompt: 'short', frames: 5 })
    const long = await made(studio, { prompt: 'long', frames: 13, steps: 3 })
    const page = await studio.open({ reducedMotion: 'reduce' })
    await page.goto(
      `${studio.server.url}/#/compare/${short.id}/${long.id}/00000000-0000-4000-8000-000000000000`,
    )
    await page.getByText('1 / 13', { exact: true }).waitFor()
    await page.getByText('One of these is not there any more.').waitFor()
    await page.getByRole('row', { name: /^Steps 2 3/ }).waitFor()
    await page.getByRole('slider', { name: 'Frame' }).fill('8')
    const moments = () =>
      page.locator('.cell video').evaluateAll(all => all.map(each => (each as unknown as Moment).currentTime))
    await expect.poll(moments).toEqual([4.5 / 8, 8.5 / 8])
  })

  test.each(['light', 'dark'] as const)(
    'has nothing that axe finds serious, as the gallery, in the %s theme',
    async colorScheme => {
      const one = await made(studio, { prompt: 'seen by all, one', seed: '1', steps: 3, shift: 3 })
      const two = await made(studio, { prompt: 'seen by all, two', seed: '2' })
      const page = await studio.open({ colorScheme, reducedMotion: 'reduce' })
      await page.goto(`${studio.server.url}/#/compare/${one.id}/${two.id}`)
      await page.getByText('1 / 5', { exact: true }).waitFor()
      expect(await findings(page)).toEqual([])
      await page.goto(`${studio.server.url}/#/gallery`)
      await page.getByRole('checkbox', { name: 'Choose: seen by all, one' }).first().check()
      expect(await findings(page)).toEqual([])
      await page.goto(`${studio.server.url}/#/make/${one.id}`)
      await page.locator('summary', { hasText: 'Download' }).click()
      expect(await findings(page)).toEqual([])
    },
  )

  test('is reached by keyboard alone, from the gallery', async () => {
    await made(studio, { prompt: 'by keys, one' })
    await made(studio, { prompt: 'by keys, two' })
    const page = await studio.open()
    await page.goto(`${studio.server.url}/#/gallery`)
    const first = page.locator('[aria-posinset="1"] .card')
    await first.focus()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Space')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Space')
    await page.getByText('2 chosen').first().waitFor()
    const compare = page.getByRole('button', { name: 'Compare' })
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press('Tab')
      if (await compare.evaluate(button => button === button.ownerDocument.activeElement)) break
    }
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('.cell video').count()).toBe(2)
  })
})

interface Moment {
  readonly muted: boolean
  readonly currentTime: number
}
