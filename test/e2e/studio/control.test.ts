/** Control videos, reference pictures, adapters, presets and priority. The files that come of it are read. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { describeStudio, describeVideo, findings, tabTo } from './browser.ts'
import { controlClip, controlled, describeControlled, flatPicture, frames, madeLike } from './controlled.ts'

const patience = { timeout: 180_000 }

/** Presses the focused button, which asks for files, and gives it some. */
async function giveFiles(
  page: Page,
  files: readonly { readonly name: string; readonly mimeType: string; readonly buffer: Buffer }[],
): Promise<void> {
  const chosen = page.waitForEvent('filechooser')
  await page.keyboard.press('Enter')
  await (await chosen).setFiles([...files])
}

describeStudio(
  'the Studio with a model that is led',
  studio => {
    test('follows a control video that is chosen by keyboard', patience, async () => {
      const page = await studio.open()
      await describeControlled(page, 'led')
      await tabTo(page, /^Choose a video$/, 'Shift+Tab')
      await giveFiles(page, [await flatPicture('red.png', 'red')])
      await page.getByRole('alert').getByText('red.png is not a video.').waitFor()
      await giveFiles(page, [await controlClip(studio)])
      await page.locator('.source').getByText('control.mp4').waitFor()
      expect(await findings(page)).toEqual([])
      await tabTo(page, /^Prompt$/, 'Shift+Tab')
      const task = await studio.makeByKeys(page)
      expect(task).toMatchObject({ state: 'succeeded', request: { video: expect.stringMatching(/^task:/) } })
      expect(task.request).not.toHaveProperty('strength')
      const made = await studio.frames(task)
      expect(made).toHaveLength(frames)
      expect(await madeLike(studio, task)).toEqual(made)
      const { video: _, ...alone } = task.request
      expect(await madeLike(studio, { ...task, request: alone })).not.toEqual(made)
    })

    test('shows reference pictures, which are chosen and taken away by keyboard', patience, async () => {
      const page = await studio.open()
      await describeControlled(page, 'with references')
      const text = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('x') }
      const [red, green, blue] = await Promise.all(
        ['red', 'green', 'blue'].map(colour => flatPicture(`${colour}.png`, colour)),
      )
      await tabTo(page, /^Add pictures$/, 'Shift+Tab')
      await giveFiles(page, [red!, text, green!])
      await page.getByRole('alert').getByText('notes.txt is not a picture.').waitFor()
      await giveFiles(page, [blue!])
      await expect.poll(() => page.getByRole('alert').count()).toBe(0)
      await tabTo(page, /^Remove green\.png$/, 'Shift+Tab')
      await page.keyboard.press('Enter')
      await expect.poll(() => page.locator('.references .source').count()).toBe(2)
      expect(await findings(page)).toEqual([])
      await page.getByLabel('Prompt', { exact: true }).focus()
      const task = await studio.makeByKeys(page)
      expect(task).toMatchObject({ state: 'succeeded' })
      const references = task.request.references as string[]
      expect(references).toHaveLength(2)
      const made = await studio.frames(task)
      expect(await madeLike(studio, task)).toEqual(made)
      const turned = { request: { references: references.toReversed() } }
      expect(await madeLike(studio, task, turned)).not.toEqual(made)
    })

    test('uses an adapter at a strength, by keyboard', patience, async () => {
      const page = await studio.open()
      await page.getByLabel('Model').selectOption({ index: 1 })
      await describeControlled(page, 'adapted')
      await tabTo(page, /^\s*first$/)
      await page.keyboard.press('Space')
      await tabTo(page, /^Strength: first$/)
      await page.keyboard.press('Control+a')
      await page.keyboard.type('0.5')
      expect(await findings(page)).toEqual([])
      const task = await studio.makeByKeys(page)
      expect(task).toMatchObject({ state: 'succeeded', loras: [{ name: 'first', scale: 0.5 }] })
      await page.reload()
      await page.getByRole('button', { name: 'Open in editor' }).click()
      await expect.poll(() => page.getByLabel('Strength: first').inputValue()).toBe('0.5')
      const made = await studio.frames(task)
      expect(await madeLike(studio, task)).toEqual(made)
      expect(await madeLike(studio, task, { loras: [] })).not.toEqual(made)
    })

    test('takes the settings of a preset, and what is said beside it', patience, async () => {
      const page = await studio.open()
      await describeControlled(page, 'few steps')
      await page.getByLabel('Steps', { exact: true }).fill('')
      await page.getByLabel('Preset').selectOption('fastwan')
      await expect.poll(() => page.getByLabel('Steps', { exact: true }).getAttribute('placeholder')).toBe('3')
      expect(await page.getByLabel('Guidance', { exact: true }).getAttribute('placeholder')).toBe('1')
      const task = await studio.make(page)
      expect(task).toMatchObject({ state: 'succeeded', request: { preset: 'fastwan' }, progress: { of: 3 } })
      const { preset: _, ...request } = task.request
      const same = { timesteps: [1000, 757, 522], guidance: 1, shift: 1, sampler: 'lcm' }
      expect(await madeLike(studio, { ...task, request: { ...request, ...same } })).toEqual(
        await studio.frames(task),
      )
      await page.getByLabel('Steps', { exact: true }).fill('1')
      expect(await studio.make(page)).toMatchObject({ progress: { of: 1 } })
      await page.getByLabel('Model').selectOption('doodle')
      // The built-in model has none, and the request none of the other model's.
      await expect.poll(() => page.getByLabel('Preset').count()).toBe(0)
      await describeVideo(page, { prompt: 'without a preset' })
      expect((await studio.make(page)).request).not.toHaveProperty('preset')
    })

    test('puts a task of higher priority before those that wait', patience, async () => {
      const page = await studio.open()
      await page.getByLabel('Model').selectOption('doodle')
      await describeVideo(page, { prompt: 'runs', steps: 400, frames: 17, size: 64 })
      await studio.begin(page)
      const first = studio.newest!
      await page
        .getByText(/Step \d+ of 400/)
        .first()
        .waitFor()
      await describeVideo(page, { prompt: 'waits' })
      await studio.begin(page)
      const second = studio.newest!
      await page.getByLabel('Prompt', { exact: true }).fill('goes first')
      await page.getByLabel('Priority').fill('3')
      await studio.begin(page)
      const third = studio.newest!
      await expect.poll(async () => (await studio.view(second)).ahead).toBe(2)
      expect(await studio.view(third)).toMatchObject({ priority: 3, ahead: 1 })
      await fetch(`${studio.server.url}/v1/tasks/${first}`, { method: 'DELETE' })
      for (const id of [second, third])
        for await (const task of studio.server.jobs.watch(id, AbortSignal.timeout(60_000))) void task
      const [later, sooner] = [await studio.view(second), await studio.view(third)]
      expect(Date.parse(sooner.startedAt!)).toBeLessThan(Date.parse(later.startedAt!))
    })
  },
  controlled,
)
